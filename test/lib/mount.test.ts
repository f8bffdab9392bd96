import { expect } from 'chai';
import { toExpress } from '../../adapters/express.js';
import { toKoa } from '../../adapters/koa.js';

const mounts = { toExpress, toKoa } as Record<string, (...args: unknown[]) => unknown>;
const check = { name: 'check', needs: [], adds: [], run: () => ({}) };

describe('mounting', () => {
  for (const [name, mount] of Object.entries(mounts)) {
    it(`does not build ${name} from what would not check, and says what to write instead`, () => {
      const wrong: [unknown[], RegExp][] = [
        [[], /pass at least one middleware/],
        [[{ bodyLimit: 1 }], /pass at least one middleware/],
        [
          [{ paths: ['/a'], handle: () => undefined }],
          new RegExp(`serve an endpoint with ${name.replace('to', 'serve')}`),
        ],
        [[{ level: 'basic' }], /wrap the profile, as in \.\.\.securityProfile/],
        [[check, { bodyLimit: 1 }], /argument 2 is not a middleware; .*options come first/],
        [[{ bodyLimt: 1 }, check], /unknown option 'bodyLimt'; did you mean 'bodyLimit'\?/],
        [[() => check], /it is a function: call the factory first/],
        [[[check]], /it is an array: spread it/],
        [[{ bodyLimit: 1 }, undefined], /argument 2 is not a middleware/],
      ];
      for (const [args, message] of wrong) expect(() => mount(...args), message.source).to.throw(TypeError, message);
    });

    it(`builds ${name} with options first`, () => {
      expect(mount({ bodyLimit: 1, policyDenials: 'rpc' }, check)).to.be.a('function');
    });
  }
});
