// What the pages say of options and denials is what the types say.
import { expect } from 'chai';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { measuresOf, SECURITY_LEVELS, type Measures } from '../lib/profile/levels.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string): string => readFileSync(`${root}${path}`, 'utf8');
const PAGES = readdirSync(`${root}docs`).filter((name) => name.endsWith('.md'));
const ENTRIES: Readonly<Record<string, string>> = {
  'mcp-etdi': 'lib/index.ts',
  'mcp-etdi/express': 'adapters/express.ts',
  'mcp-etdi/koa': 'adapters/koa.ts',
  'mcp-etdi/client': 'client/index.ts',
  'mcp-etdi/redis': 'lib/stores/redis.ts',
  'mcp-etdi/testing': 'lib/testing.ts',
};
/** Pages of commands, of lists, and of what other pages introduce: they say nothing of imports at their top. */
const WITHOUT_IMPORTS = [
  'attacks.md',
  'audit-cli.md',
  'audit-formats.md',
  'auditLog.md',
  'callStackGuard.md',
  'doctor.md',
  'migration.md',
  'mtls.md',
  'production.md',
  'tools-cli.md',
];
/** Code that no test compiles, by its page and how it begins. */
const UNCOMPILED: readonly (readonly [page: string, start: string])[] = [];

/** The option tables of each page, from its top, and the types that they are about. */
const TABLES: Readonly<Record<string, readonly string[]>> = {
  'auditLog.md': ['AuditLogOptions', 'OpenAuditTrailOptions'],
  'authenticate.md': ['AuthenticateOptions', 'KeySetOptions', 'DPoPOptions', 'DPoPFetchOptions'],
  'authorizeScopes.md': ['AuthorizeScopesOptions'],
  'bindSession.md': ['BindSessionOptions'],
  'callStackGuard.md': ['CallStackGuardOptions'],
  'clients.md': ['VerifyingFetchOptions'],
  'exchangeToken.md': ['ExchangeTokenOptions'],
  'introspection.md': ['IntrospectOptions'],
  'keys.md': ['OpenKeyStoreOptions'],
  'mounting.md': ['AdapterOptions'],
  'mtls.md': ['MtlsOptions', 'CertificateProxyOptions', 'MtlsFetchOptions'],
  'protectedResource.md': ['ProtectedResourceOptions'],
  'providers.md': ['OidcOptions'],
  'publishTools.md': ['PublishToolsOptions'],
  'rateLimit.md': ['RateLimitOptions'],
  'redis.md': ['RedisStoresOptions'],
  'securityProfile.md': ['SecurityProfileOptions'],
  'toolVerifier.md': ['ToolVerifierOptions', 'GuardClientOptions'],
  'validateOrigin.md': ['ValidateOriginOptions'],
  'verifySignature.md': ['VerifySignatureOptions'],
};

/** How the rows of a table of levels begin, and what a cell is like for a level of these measures. */
const LEVEL_ROWS: readonly (readonly [start: string, says: (measures: Measures) => RegExp])[] = [
  ['`authenticate`', () => /^yes$/],
  ['`bindSession`', ({ sessions, rate, definitions }) => (sessions && rate && definitions ? /^yes$/ : /^-$/)],
  ['`callStackGuard`', ({ callChains }) => (callChains ? /^yes$/ : /^where a tool has call rules$/)],
  ['sign', ({ signatures }) => SIGNED[signatures]],
  ['tokens bound', ({ binding }) => (binding ? /^required$/ : /^accepted$/)],
  ['cannot be recorded', ({ auditOrDeny, auditAhead }) => (auditOrDeny ? recorded(auditAhead) : /^goes on$/)],
];
const SIGNED: Readonly<Record<Measures['signatures'], RegExp>> = {
  off: /^where a tool asks$/,
  observe: /^observed$/,
  calls: /^(?:every call|`calls`)$/,
  all: /^(?:every request|`all`)$/,
};
const recorded = (ahead: boolean): RegExp => (ahead ? /^(?:is denied|503), and recorded/ : /^(?:is denied|503)$/);

/** The names in the first column of each table whose head says that it is about options. */
function optionTables(page: string): readonly (readonly string[])[] {
  const tables = page.split(/\n(?!\|)/).map((text) => text.trim().split('\n'));
  const about = tables.filter(([head = '']) => /^\| (?:option\b[^|]*|`\w+`) \| default\b/.test(head));
  return about.map(([, , ...rows]) => rows.flatMap((row) => namesIn(row.split(' | ')[0] ?? ''))).filter(notOfCommands);
}

const namesIn = (cell: string): readonly string[] => [...cell.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name);
const notOfCommands = (names: readonly string[]): boolean => !names.some((name) => name.startsWith('--'));

/** What the package exports, by the name of the entry point. */
function readExports(): {
  readonly checker: ts.TypeChecker;
  readonly symbols: ReadonlyMap<string, readonly ts.Symbol[]>;
} {
  const { config } = ts.readConfigFile(`${root}tsconfig.build.json`, (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const files = Object.values(ENTRIES).map((path) => `${root}${path}`);
  const program = ts.createProgram(files, { ...options, noEmit: true });
  const checker = program.getTypeChecker();
  const symbols = Object.entries(ENTRIES).map(([entry, path]) => {
    const module = checker.getSymbolAtLocation(program.getSourceFile(`${root}${path}`)!)!;
    return [entry, checker.getExportsOfModule(module)] as const;
  });
  return { checker, symbols: new Map(symbols) };
}

/** The members of the option types that the package exports. */
function optionTypes({ checker, symbols }: ReturnType<typeof readExports>): ReadonlyMap<string, readonly string[]> {
  const exported = [...symbols.values()]
    .flat()
    .map((symbol) => (symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol));
  const types = exported.filter(({ name }) => name.endsWith('Options'));
  return new Map(types.map((symbol) => [symbol.name, membersOf(checker.getDeclaredTypeOfSymbol(symbol))]));
}

/** Of a union, whatever any part of it has. */
function membersOf(type: ts.Type): readonly string[] {
  const parts = type.isUnion() ? type.types : [type];
  return [...new Set(parts.flatMap((part) => part.getProperties().map(({ name }) => name)))];
}

describe('the pages', function () {
  this.timeout(60_000);
  let types: ReadonlyMap<string, readonly string[]>;
  let exported: ReadonlyMap<string, readonly string[]>;
  before(() => {
    const read = readExports();
    types = optionTypes(read);
    exported = new Map([...read.symbols].map(([entry, symbols]) => [entry, symbols.map(({ name }) => name)]));
  });

  it('have the option tables that are looked at here, and no others', () => {
    const found = PAGES.map((page) => [page, optionTables(read(`docs/${page}`)).length] as const);
    const expected = PAGES.map((page) => [page, TABLES[page]?.length ?? 0] as const);
    expect(found).to.deep.equal(expected);
  });

  for (const [page, names] of Object.entries(TABLES)) {
    names.forEach((name, index) => {
      it(`explain in ${page} every option of ${name}, and none that is not there`, () => {
        expect(types.has(name), `${name} is exported`).to.equal(true);
        const explained = optionTables(read(`docs/${page}`))[index] ?? [];
        expect([...explained].sort()).to.deep.equal([...(types.get(name) ?? [])].sort());
      });
    });
  }

  it('are there for each middleware', () => {
    const middlewares = readdirSync(`${root}middleware`).filter((name) => name.endsWith('.ts') && name !== 'index.ts');
    expect(middlewares.length).to.be.greaterThan(8);
    expect(middlewares.filter((name) => !PAGES.includes(name.replace('.ts', '.md')))).to.deep.equal([]);
  });

  for (const page of ['README.md', 'docs/securityProfile.md']) {
    it(`say in ${page} what the levels are made of`, () => {
      const rows = read(page)
        .split('\n')
        .map((line) => line.slice(2, -2).split(' | '));
      for (const [start, says] of LEVEL_ROWS) {
        const cells = rows
          .find((row) => row.length === 5 && row[0]?.toLowerCase().includes(start.toLowerCase()))
          ?.slice(1);
        const made = SECURITY_LEVELS.map((level) => says(measuresOf(level, {})));
        made.forEach((pattern, index) => expect(cells?.[index], start).to.match(pattern));
      }
    });
  }

  it('are linked from the README, every one', () => {
    const readme = read('README.md');
    expect(PAGES.filter((page) => !readme.includes(`(docs/${page}`))).to.deep.equal([]);
  });

  it('name every code that a check denies with', () => {
    const files = ['lib', 'middleware'].flatMap((folder) =>
      readdirSync(`${root}${folder}`, { recursive: true, encoding: 'utf8' }).map((name) => `${folder}/${name}`),
    );
    const sources = files.filter((name) => name.endsWith('.ts')).map(read);
    const blocks = sources.flatMap((text) => [...text.matchAll(/interface DenialCodes \{([\s\S]*?)\n *\}/g)]);
    const codes = blocks.flatMap(([, block = '']) =>
      [...block.matchAll(/^ *(\w+): \d{3}/gm)].map(([, one = '']) => one),
    );
    expect(codes.length).to.be.greaterThan(60);
    // The catalogue of attacks explains none.
    const text = PAGES.filter((page) => page !== 'attacks.md')
      .map((page) => read(`docs/${page}`))
      .join('\n');
    expect(codes.filter((code) => !text.includes(`\`${code}\``))).to.deep.equal([]);
  });

  it('begin with what to import, and from where', () => {
    const silent = PAGES.filter((page) => importsOf(read(`docs/${page}`)).length === 0);
    expect(silent).to.deep.equal(WITHOUT_IMPORTS);
    for (const page of PAGES) {
      for (const [entry, names] of importsOf(read(`docs/${page}`))) {
        expect(exported.get(entry), `${page}: ${entry}`).to.include.members([...names]);
      }
    }
  });

  it('name every entry point of the package in the README, and what it is for', () => {
    const { exports } = JSON.parse(read('package.json')) as { exports: Record<string, unknown> };
    const names = Object.keys(exports)
      .filter((name) => name !== './package.json')
      .map((name) => name.replace('.', 'mcp-etdi'));
    expect([...names].sort()).to.deep.equal(Object.keys(ENTRIES).sort());
    const rows = read('README.md').matchAll(/^\| `(mcp-etdi[^`]*)` \| (.+) \|$/gm);
    const table = new Map([...rows].map(([, name = '', text = '']) => [name, text]));
    expect([...table.keys()].sort()).to.deep.equal([...names].sort());
    for (const [name, text] of table) {
      const said = namesIn(text).filter((one) => /^\w+$/.test(one));
      expect(exported.get(name), name).to.include.members(said);
    }
  });

  it('show no TypeScript and no JavaScript but from examples, which are compiled', () => {
    const found = ['README.md', 'SECURITY.md', ...PAGES.map((page) => `docs/${page}`)].flatMap((page) =>
      [...read(page).matchAll(/^(.*)\n```(?:ts|js|typescript|javascript|tsx|jsx|mjs|mts)\n(.*)/gm)]
        .filter(([, before = '']) => !before.startsWith('<!-- snippet: '))
        .map(([, , start = '']) => [page, start] as const),
    );
    expect(found).to.deep.equal(UNCOMPILED);
  });

  it('link to pages, headings and files that are there', () => {
    const pages = ['README.md', 'SECURITY.md', ...PAGES.map((page) => `docs/${page}`)];
    const broken = pages.flatMap((page) =>
      linksOf(read(page)).flatMap((link) => (leads(page, link) ? [] : [`${page}: ${link}`])),
    );
    expect(broken).to.deep.equal([]);
  });
});

/** What the line below the title of a page imports: the entry points, and the names. */
function importsOf(text: string): readonly (readonly [entry: string, names: readonly string[]])[] {
  const [, , line = ''] = text.split('\n');
  const statements = line.split('; ').map((part) => /^`import \{ ([\w, ]+) \} from '([\w/-]+)'`$/.exec(part));
  return statements.some((one) => one === null)
    ? []
    : statements.map((one) => [one?.[2] ?? '', one?.[1]?.split(', ') ?? []]);
}

const linksOf = (text: string): readonly string[] =>
  [...text.replace(/```[\s\S]*?```/g, '').matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, link = '']) => link)
    .filter((link) => !/^https?:/.test(link));

function leads(page: string, link: string): boolean {
  const { pathname, hash } = new URL(link, `file:///${page}`);
  const path = pathname.slice(1);
  try {
    if (hash === '') return readdirSync(root).includes(path.split('/')[0] ?? '') && exists(path);
    return headingsOf(read(path)).includes(hash.slice(1));
  } catch {
    return false;
  }
}

const exists = (path: string): boolean =>
  ts.sys.fileExists(`${root}${path}`) || ts.sys.directoryExists(`${root}${path}`);

/** As GitHub names headings. */
const headingsOf = (text: string): readonly string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
