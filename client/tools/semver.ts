const PARTS = /^(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?/;

/** Negative when the first version goes before the second one, 0 when neither does (SemVer section 11). */
export function compareVersions(a: string, b: string): number {
  const [, majorA = '', minorA = '', patchA = '', preA] = PARTS.exec(a) ?? [];
  const [, majorB = '', minorB = '', patchB = '', preB] = PARTS.exec(b) ?? [];
  const core = compareNumbers(majorA, majorB) || compareNumbers(minorA, minorB) || compareNumbers(patchA, patchB);
  if (core !== 0) return core;
  // A version without a label comes after its own previews.
  if (preA === undefined || preB === undefined) return Number(preA === undefined) - Number(preB === undefined);
  return compareLabels(preA.split('.'), preB.split('.'));
}

function compareLabels(a: readonly string[], b: readonly string[]): number {
  for (const [index, one] of a.entries()) {
    const other = b[index];
    if (other === undefined) return 1;
    const order = compareLabel(one, other);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareLabel(a: string, b: string): number {
  const [isNumberA, isNumberB] = [/^\d+$/.test(a), /^\d+$/.test(b)];
  if (isNumberA && isNumberB) return compareNumbers(a, b);
  if (isNumberA !== isNumberB) return isNumberA ? -1 : 1;
  return compareTexts(a, b);
}

/** Of any length: a number type would call two long ones equal. */
function compareNumbers(a: string, b: string): number {
  const [plainA, plainB] = [a.replace(/^0+/, ''), b.replace(/^0+/, '')];
  return plainA.length - plainB.length || compareTexts(plainA, plainB);
}

function compareTexts(a: string, b: string): number {
  return Number(a > b) - Number(a < b);
}
