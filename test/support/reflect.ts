// What the certificate library needs of the metadata API that its decorators were written for, and no more.

type Metadata = Map<unknown, unknown>;
const all = new WeakMap<object, Metadata>();

function own(target: object): Metadata {
  const known = all.get(target) ?? new Map<unknown, unknown>();
  all.set(target, known);
  return known;
}

const define = (key: unknown, value: unknown, target: object): void => void own(target).set(key, value);
const getOwn = (key: unknown, target: object): unknown => own(target).get(key);

function get(key: unknown, target: object): unknown {
  const parent: unknown = Object.getPrototypeOf(target);
  if (own(target).has(key) || typeof parent !== 'function') return getOwn(key, target);
  return get(key, parent);
}

Object.assign(Reflect, {
  defineMetadata: define,
  getMetadata: get,
  getOwnMetadata: getOwn,
  hasOwnMetadata: (key: unknown, target: object) => own(target).has(key),
  metadata: (key: unknown, value: unknown) => (target: object) => {
    define(key, value, target);
  },
});
