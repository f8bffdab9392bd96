export type Defined<Options> = { [Name in keyof Options]: Exclude<Options[Name], undefined> };

/** Leaves out what was not given, so that each check applies its own default. */
export function defined<Options extends object>(options: Options): Defined<Options> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Defined<Options>;
}
