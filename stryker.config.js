// `npm run mutation` changes the code that decides, one place at a time, and looks whether a test notices. It takes hours.
// MUTATE=<part> does one part: signatures, callchain, authenticate or authorizeScopes.
const PARTS = {
  signatures: {
    mutate: ['lib/signatures/**/*.ts', 'middleware/verifySignature.ts'],
    spec: ['test/lib/signatures/**/*.test.ts', 'test/middleware/verifySignature.test.ts'],
  },
  callchain: {
    mutate: ['lib/callchain/**/*.ts', 'middleware/callStackGuard.ts'],
    spec: ['test/lib/callchain/**/*.test.ts', 'test/middleware/callStackGuard*.test.ts'],
  },
  authenticate: {
    mutate: ['middleware/authenticate.ts'],
    spec: ['test/middleware/authenticate*.test.ts', 'test/middleware/dpop.test.ts', 'test/lib/tokens/**/*.test.ts'],
  },
  authorizeScopes: {
    mutate: ['middleware/authorizeScopes.ts'],
    spec: ['test/middleware/authorizeScopes*.test.ts', 'test/middleware/stepUp.test.ts'],
  },
};

const asked = process.env['MUTATE'];
const parts = asked === undefined ? Object.values(PARTS) : [PARTS[asked]];
if (parts.includes(undefined)) throw new TypeError(`MUTATE must be one of ${Object.keys(PARTS).join(', ')}`);

export default {
  mutate: parts.flatMap(({ mutate }) => mutate),
  testRunner: 'mocha',
  testRunnerNodeArgs: ['--import', 'tsx'],
  mochaOptions: { spec: parts.flatMap(({ spec }) => spec), config: '.mocharc.json' },
  coverageAnalysis: 'perTest',
  concurrency: 2,
  timeoutMS: 20_000,
  ignoreStatic: true,
  tempDirName: 'node_modules/.cache/stryker',
  incrementalFile: 'node_modules/.cache/stryker-incremental.json',
  reporters: ['clear-text', 'progress'],
  clearTextReporter: { logTests: false, reportScoreTable: true },
  thresholds: { high: 95, low: 85, break: 85 },
};
