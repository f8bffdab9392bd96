/**
 * Makes something of an object once, where the object cannot change: who calls with one token has one principal and one
 * list of rights, in as many records as there are requests.
 */
export function perFrozen<From extends object, Made>(make: (from: From) => Made): (from: From) => Made {
  const known = new WeakMap<From, Made>();
  return (from) => {
    const earlier = known.get(from);
    if (earlier !== undefined) return earlier;
    const made = make(from);
    if (Object.isFrozen(from)) known.set(from, made);
    return made;
  };
}
