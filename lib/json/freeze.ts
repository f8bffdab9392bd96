/** Freezes a parsed value throughout. For what `parseStrictJson` gave, which is not nested too deeply for that. */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== 'object' || value === null) return value;
  for (const member of Object.values(value)) deepFreeze(member);
  return Object.freeze(value);
}
