import type { Framework } from './app.js';
import { describeAdmission } from './contract/admission.js';
import { describeBodies } from './contract/bodies.js';
import { describeEndpoints } from './contract/endpoints.js';
import { describeFailures } from './contract/failures.js';
import { describeHandOver } from './contract/handOver.js';
import { describeHeadHooks } from './contract/head.js';
import { describeLifetime } from './contract/lifetime.js';
import { describeMessageHooks } from './contract/messages.js';
import { describeStreams } from './contract/streams.js';
import { describeTargets } from './contract/targets.js';
import { closeServers } from './serve.js';

/** Every promise of an adapter, held against one framework by real servers. */
export function describeAdapter(name: string, framework: Framework): void {
  describe(`${name} adapter`, () => {
    afterEach(closeServers);
    describeAdmission(framework);
    describeBodies(framework);
    describeFailures(framework);
    describeHandOver(framework);
    describeTargets(framework);
    describeHeadHooks(framework);
    describeMessageHooks(framework);
    describeStreams(framework);
    describeLifetime(framework);
    describeEndpoints(framework);
  });
}
