declare module 'autocannon' {
  interface Result {
    readonly '2xx': number;
    readonly non2xx: number;
    readonly errors: number;
    readonly latency: { readonly p99: number };
  }
  export default function autocannon(options: Readonly<Record<string, unknown>>): Promise<Result>;
}
