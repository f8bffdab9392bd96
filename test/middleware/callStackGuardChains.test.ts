import { expect } from 'chai';
import fc from 'fast-check';
import { CALL_CHAIN, fakeSigner, signCallChain, type FakeSigner, type HopToSign } from '../../lib/testing.js';
import type { ToolPolicy } from '../../lib/tools/policies.js';
import { network, signedBy, urlOf, type Server } from '../support/callNetwork.js';

const NAMES = ['a', 'b', 'c', 'd', 'e'] as const;
type Name = (typeof NAMES)[number];
const AGENT = 'https://agent.example';
const TOOLS = ['read', 'write', 'send'];
const RIGHTS = ['p:read', 'p:write'];

/** One call: whose tool, which, and with what. */
interface Step {
  readonly server: Name;
  readonly tool: string;
  readonly args: Readonly<Record<string, string>>;
}

/** An honest chain: who starts it, and where it goes. */
interface Route {
  /** The tool of server `a` that starts it, or nothing where an agent does. */
  readonly caller: string | undefined;
  readonly steps: readonly Step[];
}

const args = fc.dictionary(fc.constantFrom('path', 'to', 'text'), fc.string({ maxLength: 8 }));
const steps = fc
  .shuffledSubarray(['b', 'c', 'd', 'e'] as const, { minLength: 1 })
  .chain((servers) =>
    fc.tuple(
      ...servers.map((server) => fc.record({ server: fc.constant(server), tool: fc.constantFrom(...TOOLS), args })),
    ),
  );
const route: fc.Arbitrary<Route> = fc.record({
  caller: fc.option(fc.constantFrom(...TOOLS), { nil: undefined }),
  steps,
});
const long = route.filter((one) => one.steps.length > 1);

describe('callStackGuard and random call chains', function () {
  this.timeout(60_000);
  let servers: Readonly<Record<Name, Server>>;
  let agent: FakeSigner;
  const runs = { numRuns: 60 };

  before(async () => {
    agent = await fakeSigner();
    const policy: ToolPolicy = { permissions: ['p:read'] };
    const tools = Object.fromEntries(TOOLS.map((name) => [name, policy]));
    const strangers = { owner: AGENT, mayRoot: true, jwks: agent.jwks };
    const keys = Object.fromEntries(await Promise.all(NAMES.map(async (name) => [name, await fakeSigner()] as const)));
    const trust = NAMES.map((name) => ({ owner: urlOf(name), mayRoot: name === 'a', jwks: keyOf(keys, name).jwks }));
    const made = await network(
      { a: { tools }, b: { tools }, c: { tools }, d: { tools }, e: { tools } },
      { trust: [...trust, strangers], maxDepth: 9, maxCalls: 1_000_000 },
    );
    servers = Object.fromEntries(
      NAMES.map((name) => [name, { ...made[name], signer: keyOf(keys, name) }]),
    ) as unknown as Record<Name, Server>;
  });

  const keyOf = (keys: Readonly<Record<string, FakeSigner>>, name: Name): FakeSigner => keys[name]!;

  const hopsOf = ({ caller, steps: list }: Route): HopToSign[] =>
    list.map(({ server, tool, args: given }, place) => {
      const previous = list[place - 1]?.server ?? (caller === undefined ? undefined : 'a');
      return {
        signer: previous === undefined ? agent : servers[previous].signer,
        issuer: previous === undefined ? AGENT : urlOf(previous),
        resource: urlOf(server),
        tool,
        arguments: given,
        permissions: RIGHTS,
        ...(place === 0 && caller !== undefined ? { caller } : {}),
      };
    });
  const sign = (hops: readonly HopToSign[]): Promise<string[]> =>
    signCallChain(hops, { subject: 'alice', maxDepth: 6 });
  /** Sends a chain as whoever signed its last hop, to whom that is for, with what that says. */
  const present = (hops: readonly HopToSign[], chain: unknown): ReturnType<Server['receive']> => {
    const { resource, issuer, tool, arguments: given } = hops.at(-1)!;
    const server = NAMES.map((name) => servers[name]).find((one) => one.resource === resource)!;
    return server.receive({ name: tool, arguments: given, _meta: { [CALL_CHAIN]: chain } }, signedBy(issuer));
  };
  const changed = (hops: readonly HopToSign[], place: number, change: Partial<HopToSign>): HopToSign[] =>
    hops.map((hop, at) => (at === place ? { ...hop, ...change } : hop));
  /** A place in a chain, and not the first: whoever starts one says what holds for all of it. */
  const placeIn = ({ steps: list }: Route, seed: number): number => 1 + (seed % (list.length - 1));
  const denied = async (outcome: ReturnType<Server['receive']>, ...codes: string[]): Promise<void> => {
    expect(codes).to.include(await outcome);
  };

  it('accepts every honest one, and tells what it went through', async () => {
    await fc.assert(
      fc.asyncProperty(route, async (one) => {
        const hops = hopsOf(one);
        const stack = await present(hops, await sign(hops));
        const started = one.caller === undefined ? [] : [{ resource: urlOf('a'), tool: one.caller }];
        const frames = [...started, ...one.steps.map(({ server, tool }) => ({ resource: urlOf(server), tool }))];
        expect(stack).to.deep.include({ frames, depth: frames.length, subject: 'alice', permissions: ['p:read'] });
      }),
      runs,
    );
  });

  it('accepts none of which a hop was left out', async () => {
    await fc.assert(
      fc.asyncProperty(long, fc.nat(), async (one, seed) => {
        const hops = hopsOf(one);
        const chain = await sign(hops);
        const place = seed % (chain.length - 1);
        await denied(present(hops, chain.toSpliced(place, 1)), 'chain_broken');
      }),
      runs,
    );
  });

  it('accepts none that was cut short', async () => {
    await fc.assert(
      fc.asyncProperty(long, async (one) => {
        const hops = hopsOf(one);
        await denied(present(hops, (await sign(hops)).slice(0, -1)), 'audience_mismatch');
      }),
      runs,
    );
  });

  it('accepts none in another order, or with a hop twice', async () => {
    await fc.assert(
      fc.asyncProperty(long, fc.nat(), async (one, seed) => {
        const hops = hopsOf(one);
        const chain = await sign(hops);
        const place = seed % (chain.length - 1);
        const [first = '', second = ''] = chain.slice(place);
        await denied(present(hops, chain.toSpliced(place, 2, second, first)), 'chain_broken');
        await denied(present(hops, chain.toSpliced(place, 0, first)), 'chain_broken');
      }),
      runs,
    );
  });

  it('accepts none made of two honest ones, be they of the same route', async () => {
    await fc.assert(
      fc.asyncProperty(long, fc.option(long), fc.nat(), async (one, two, seed) => {
        const hops = hopsOf(one);
        const others = hopsOf(two ?? one);
        const [mine, other] = [await sign(hops), await sign(others)];
        const place = placeIn(one, seed);
        await denied(present(hops, [...other.slice(0, place), ...mine.slice(place)]), 'chain_broken');
      }),
      runs,
    );
  });

  it('accepts none with a character that was changed', async () => {
    await fc.assert(
      fc.asyncProperty(route, fc.nat(), fc.nat(), async (one, seed, at) => {
        const hops = hopsOf(one);
        const chain = await sign(hops);
        const place = seed % chain.length;
        const token = chain[place] ?? '';
        const index = at % token.length;
        const other = token[index] === 'A' ? 'B' : 'A';
        const forged = `${token.slice(0, index)}${other}${token.slice(index + 1)}`;
        expect(await present(hops, chain.with(place, forged))).to.be.a('string');
      }),
      { numRuns: 200 },
    );
  });

  it('accepts none whose last call has other arguments', async () => {
    await fc.assert(
      fc.asyncProperty(route, async (one) => {
        const hops = hopsOf(one);
        const last = hops.length - 1;
        const other = changed(hops, last, { arguments: { ...one.steps[last]?.args, more: '1' } });
        await denied(present(other, await sign(hops)), 'arguments_mismatch');
      }),
      runs,
    );
  });

  it('accepts none of which a server, by its own key, raised a limit or widened what may be used', async () => {
    const lies: [Record<string, unknown>, string][] = [
      [{ del_max_depth: 7 }, 'chain_broken'],
      [{ scope: 'p:read p:write p:admin' }, 'chain_broken'],
      [{ txn: 'another-one' }, 'chain_broken'],
      [{ sub: 'bob' }, 'chain_broken'],
      [{ sub: undefined }, 'chain_broken'],
      [{ del_depth: 0 }, 'chain_broken'],
      [{ par_hash: undefined }, 'chain_broken'],
      [{ caller: 'read' }, 'chain_broken'],
      [{ exp: 9_999_999_999 }, 'chain_stale'],
      [{ iss: urlOf('a') }, 'chain_broken'],
    ];
    await fc.assert(
      fc.asyncProperty(long, fc.nat(), fc.constantFrom(...lies), async (one, seed, [claims, code]) => {
        const place = placeIn(one, seed);
        const hops = changed(hopsOf(one), place, { claims });
        await denied(present(hops, await sign(hops)), code, 'possession_unproven');
        const cut = hops.slice(0, place + 1);
        await denied(present(cut, await sign(cut)), code, 'possession_unproven');
      }),
      { numRuns: 100 },
    );
  });

  it('accepts none of which a hop is signed by another trusted key', async () => {
    await fc.assert(
      fc.asyncProperty(route, fc.nat(), fc.constantFrom(...NAMES), async (one, seed, name) => {
        const hops = hopsOf(one);
        const place = seed % hops.length;
        fc.pre(hops[place]?.issuer !== urlOf(name));
        const forged = changed(hops, place, { signer: servers[name].signer });
        await denied(present(forged, await sign(forged)), 'chain_untrusted');
        // Under the name of the right key, so that it is found.
        const { keyId: kid } = hops[place]?.signer as FakeSigner;
        const named = changed(hops, place, { signer: servers[name].signer, header: { kid } });
        await denied(present(named, await sign(named)), 'chain_invalid');
      }),
      runs,
    );
  });

  it('accepts none that somebody starts who may not', async () => {
    await fc.assert(
      fc.asyncProperty(long, fc.nat(), fc.boolean(), async (one, seed, asTool) => {
        const place = placeIn(one, seed);
        const hops = hopsOf(one).slice(place);
        const caller = one.steps[place - 1]?.tool ?? '';
        const hidden = asTool ? changed(hops, 0, { caller }) : hops;
        await denied(present(hidden, await sign(hidden)), 'root_denied');
      }),
      runs,
    );
  });

  it('accepts none from anybody but the signer of its last hop', async () => {
    await fc.assert(
      fc.asyncProperty(route, fc.constantFrom(...NAMES), async (one, name) => {
        const hops = hopsOf(one);
        const { issuer, resource, tool, arguments: given } = hops.at(-1)!;
        fc.pre(issuer !== urlOf(name));
        const server = NAMES.map((each) => servers[each]).find((each) => each.resource === resource)!;
        const params = { name: tool, arguments: given, _meta: { [CALL_CHAIN]: await sign(hops) } };
        expect(await server.receive(params, signedBy(urlOf(name)))).to.equal('possession_unproven');
      }),
      runs,
    );
  });

  it('accepts none twice, and of many at once exactly one', async () => {
    await fc.assert(
      fc.asyncProperty(route, fc.integer({ min: 2, max: 6 }), async (one, times) => {
        const hops = hopsOf(one);
        const chain = await sign(hops);
        const outcomes = await Promise.all(Array.from({ length: times }, () => present(hops, chain)));
        expect(outcomes.filter((outcome) => typeof outcome === 'object')).to.have.lengthOf(1);
        await denied(present(hops, chain), 'chain_replayed');
      }),
      { numRuns: 30 },
    );
  });

  it('never fails on what is no chain', async () => {
    const { c } = servers;
    const junk = fc.oneof(
      fc.jsonValue(),
      fc.array(fc.string()),
      fc.array(fc.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/)),
    );
    await fc.assert(
      fc.asyncProperty(junk, async (chain) => {
        const params = { name: 'read', _meta: { [CALL_CHAIN]: chain } };
        expect(await c.receive(params, signedBy(urlOf('b')))).to.equal('chain_malformed');
      }),
      { numRuns: 500 },
    );
  });
});
