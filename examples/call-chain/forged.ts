// Sends what is forged to the live servers.
import { randomUUID } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { CALL_CHAIN } from '../../lib/testing.js';
import { listen } from '../support/loopback.js';
import type { Row } from '../support/report.js';
import { FORGERIES, type Forgery } from './forgeries.js';
import { MAX_CALLS } from './guards.js';
import { post, verdict } from './send.js';
import { ENTRY, type Workshop } from './workshop.js';

/** Every forgery against the live servers, and beside it the nearest call that is allowed. */
export async function forgedRows(shop: Workshop): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const part of FORGERIES) {
    for (const forgery of await part(shop)) rows.push(await run(shop, forgery));
  }
  return [...rows, ...(await replayed(shop)), ...(await fanout(shop)), ...(await trapped(shop)), await rounded(shop)];
}

async function run({ world, tokens }: Workshop, forgery: Forgery): Promise<Row> {
  const { what, expected, chain, tool = 'audit_write', args = ENTRY, to = 'audit', token = tokens[to] } = forgery;
  const meta = chain === undefined ? {} : { _meta: { [CALL_CHAIN]: chain } };
  const response = await post(world.resources[to], token, { name: tool, arguments: args, ...meta });
  const isAllowed = expected === 'allowed';
  return { what, expected: isAllowed ? expected : `denied ${expected}`, got: await verdict(response) };
}

/** The very same request twice. */
async function replayed(shop: Workshop): Promise<readonly Row[]> {
  const chain = await shop.chain();
  return [
    await run(shop, { what: 'a chain, for the first time', expected: 'allowed', chain }),
    await run(shop, { what: 'the same chain once more', expected: 'chain_replayed', chain }),
  ];
}

/** Fresh chains of one transaction, as many as it may have, and one more. */
async function fanout(shop: Workshop): Promise<readonly Row[]> {
  const transaction = randomUUID();
  for (let call = 0; call < MAX_CALLS; call += 1) {
    const chain = await shop.chain({}, { transaction });
    const row = await run(shop, { what: 'a call of a transaction', expected: 'allowed', chain });
    if (row.got !== row.expected) return [row];
  }
  const chain = await shop.chain({}, { transaction });
  return [await run(shop, { what: 'a call more than one transaction may make', expected: 'fanout_exceeded', chain })];
}

/** A hop that says where its key is: nobody must go there. */
async function trapped(shop: Workshop): Promise<readonly Row[]> {
  const trap = await listen(0);
  let visits = 0;
  const count: RequestListener = (_req, res) => {
    visits += 1;
    res.end();
  };
  trap.serve(count);
  const chain = await shop.chain({ last: { header: { jku: `${trap.origin}/jwks.json` } } });
  const row = await run(shop, { what: 'a hop that says where its key is', expected: 'chain_malformed', chain });
  await trap.close();
  return [row, { what: 'visits there', expected: '0', got: `${visits}` }];
}

/** A number that not every reader takes for the same (RFC 8259 section 6): no digest can tell what is meant. */
async function rounded({ world, tokens, chain }: Workshop): Promise<Row> {
  const args = { entry: Number.MAX_SAFE_INTEGER };
  const call = {
    name: 'audit_write',
    arguments: args,
    _meta: { [CALL_CHAIN]: await chain({ last: { arguments: args } }) },
  };
  const body = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/call', params: call });
  const sent = body.replace(`${Number.MAX_SAFE_INTEGER}`, '9007199254740993');
  const got = await verdict(await post(world.resources.audit, tokens.audit, sent));
  return { what: 'a number that some readers round', expected: 'denied arguments_mismatch', got };
}
