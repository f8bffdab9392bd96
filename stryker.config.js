// `npm run mutation` changes the code that decides, one place at a time, and looks whether a test notices. It takes hours.
// MUTATE=<part> does one part: signatures, callchain, authenticate or authorizeScopes.
//
// The tests are those that build what they test within a test. What others build while they are read, or before a suite,
// runs for every mutant of it: each would take a process of its own, and a mutant that breaks the building counts as alive.
const PARTS = {
  signatures: {
    mutate: ['lib/signatures/**/*.ts', 'middleware/verifySignature.ts'],
    spec: ['test/lib/signatures/!(interop|rfc9421).test.ts', 'test/middleware/verifySignature.test.ts'],
  },
  callchain: {
    mutate: ['lib/callchain/**/*.ts', 'middleware/callStackGuard.ts'],
    spec: ['test/lib/callchain/**/*.test.ts', 'test/middleware/callStackGuard?(Record).test.ts'],
  },
  authenticate: {
    mutate: ['middleware/authenticate.ts'],
    spec: ['test/middleware/authenticate?(Mtls|Redacted).test.ts', 'test/middleware/dpop.test.ts'],
  },
  authorizeScopes: {
    mutate: ['middleware/authorizeScopes.ts'],
    spec: ['test/middleware/authorizeScopes.test.ts', 'test/middleware/stepUp.test.ts'],
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
  ignorePatterns: ['bench', 'compatibility', 'conformance', 'dist', 'docs', 'soak'],
  tempDirName: 'node_modules/.cache/stryker',
  incrementalFile: 'node_modules/.cache/stryker-incremental.json',
  reporters: ['clear-text', 'progress'],
  clearTextReporter: { logTests: false, reportScoreTable: true },
  thresholds: { high: 95, low: 85, break: 85 },
};
