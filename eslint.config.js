import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const frameworks = {
  group: ['express', 'express/*', 'koa', 'koa/*', '@koa/*', 'fastify', 'winston', '@modelcontextprotocol/*'],
  message: 'lib/ and middleware/ know no framework: translate in adapters/.',
};
const adapters = { group: ['**/adapters/*'], message: 'Data flows from adapters to lib, never back.' };
const middlewares = {
  group: ['**/middleware/*'],
  message: 'Middlewares are made of lib, never the other way round: declare what both need in lib/.',
};
const restricted = (...patterns) => ({ 'no-restricted-imports': ['error', { patterns }] });

export default defineConfig(
  // Stryker reads its own file as it is: it is no part of any program, and asks for a default export.
  { ignores: ['dist', 'coverage', 'stryker.config.js'] },
  js.configs.recommended,
  tseslint.configs.strictTypeChecked,
  tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: { allowDefaultProject: ['eslint.config.js'] } },
    },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-syntax': ['error', { selector: 'ExportDefaultDeclaration', message: 'Named exports only.' }],
      complexity: ['error', 14],
      eqeqeq: 'error',
      'max-depth': ['error', 3],
      // Published declarations are made file by file, so exports say their types.
      '@typescript-eslint/no-inferrable-types': 'off',
      'no-console': 'error',
      'prefer-const': 'error',
    },
  },
  { files: ['lib/index.ts', 'middleware/**'], rules: restricted(frameworks, adapters) },
  // The entry of the package exports the middlewares.
  { files: ['lib/**'], ignores: ['lib/index.ts'], rules: restricted(frameworks, adapters, middlewares) },
  {
    files: ['test/**', 'examples/**', 'bench/**', 'cli/**', 'compatibility/**', 'conformance/**', 'soak/**', '*.js'],
    rules: {
      'no-console': 'off',
      'no-restricted-syntax': 'off',
      '@typescript-eslint/explicit-module-boundary-types': 'off',
    },
  },
  {
    // What the README shows, in JavaScript: its types are checked where the package is tried as a user would.
    files: ['examples/quickstart/*.js'],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { console: 'readonly' } },
    rules: { '@typescript-eslint/explicit-module-boundary-types': 'off' },
  },
  {
    files: ['test/**'],
    rules: {
      // chai states its expectations as expressions.
      '@typescript-eslint/no-unused-expressions': 'off',
      '@typescript-eslint/no-non-null-assertion': 'off',
      // supertest types every body as any.
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
);
