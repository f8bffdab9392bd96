import type { TrailFinding } from '../verifyTrail.js';

const MOST_FINDINGS = 100;

/** What is wrong with a trail, the first bad record first. Where there is more than is kept, the last are left out. */
export class Findings {
  readonly #kept: TrailFinding[] = [];
  readonly #order: ReadonlyMap<string, number>;

  /** Takes the files of the trail, oldest first. What is in none of them comes last. */
  constructor(files: readonly string[]) {
    this.#order = new Map(files.map((file, index) => [file, index]));
  }

  add(finding: TrailFinding): void {
    // Most are found in their order, so that the first look, which is at the last, is the only one.
    const before = this.#kept.findLastIndex((one) => this.#compare(one, finding) <= 0);
    this.#kept.splice(before + 1, 0, finding);
    if (this.#kept.length > MOST_FINDINGS) this.#kept.pop();
  }

  list(): readonly TrailFinding[] {
    return this.#kept;
  }

  #compare(a: TrailFinding, b: TrailFinding): number {
    return this.#indexOf(a) - this.#indexOf(b) || a.line - b.line || a.seq - b.seq;
  }

  #indexOf({ file }: TrailFinding): number {
    return this.#order.get(file) ?? this.#order.size;
  }
}
