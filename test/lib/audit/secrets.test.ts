import { generateKeyPairSync } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { isSecretName, maskCards, maskName, maskRandom, maskSecrets, OwnSecrets } from '../../../lib/audit/secrets.js';

const JWT = 'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.MEUCIQDx7Zt1kq0N3Q';
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const PEM = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();

describe('maskSecrets', () => {
  const secrets: readonly (readonly [what: string, secret: string])[] = [
    ['a JWT', JWT],
    ['the header of a JWT', 'eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9'],
    ['a JWE', `${JWT}.abc.def`],
    ['a private key', PEM.slice(30, 80)],
    ['a key of AWS', 'AKIAIOSFODNN7EXAMPLE'],
    ['a token of GitHub', `ghp_${'a1B2'.repeat(9)}`],
    ['a token of GitLab', 'glpat-x7Hq2mZ9Lw4Rt6Yb8Nc1'],
    ['a token of Slack', 'xoxb-1234567890-abcdefghijkl'],
    ['a key of Google', `AIza${'SyB3x9'.repeat(6)}`],
    ['a key of OpenAI', 'sk-proj-a8f7e6d5c4b3a2910fedcba9'],
    ['a key of Stripe', 'sk_live_4eC39HqLyjWDarjtT1zdp7dc'],
    ['a token of npm', 'npm_aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY3zA5'],
  ];
  for (const [what, secret] of secrets) {
    it(`masks ${what}, wherever it stands`, () => {
      const whole = secret.startsWith('MI') || PEM.includes(secret) ? PEM : secret;
      for (const text of [whole, `a ${whole} b`, `x="${whole}"`, `/p/${whole}/q`, `a,${whole},b`]) {
        expect(maskSecrets(text)).to.include('[masked]').and.not.include(secret);
      }
    });
  }

  it('masks what a scheme, a URL or a name says is secret, and keeps the rest', () => {
    const table: readonly (readonly [text: string, expected: string])[] = [
      ['Bearer abcdef123', 'Bearer [masked]'],
      ['curl -H "authorization: DPoP abcdef123" x', 'curl -H "authorization: DPoP [masked]" x'],
      ['Basic dXNlcjpwYXNzd29yZA==', 'Basic [masked]'],
      ['postgres://user:pa55@db.example/x', 'postgres://[masked]@db.example/x'],
      ['?a=1&access_token=abc&b=2', '?a=1&access_token=[masked]&b=2'],
      ['password: hunter2, user: ann', 'password: [masked], user: ann'],
      ['{"client_secret":"s3"}', '{"client_secret":"[masked]"}'],
      ['AccountKey=abc;Endpoint=x', 'AccountKey=[masked];Endpoint=x'],
      ['password="two words", user', 'password="[masked]", user'],
      ['{"password":"a\\"b","c":1}', '{"password":"[masked]","c":1}'],
      ['{\\"password\\":\\"hunter2\\",\\"c\\":1}', '{\\"password\\":\\"[masked]\\",\\"c\\":1}'],
      ['secret := hunter2 :token => t0', 'secret := [masked] :token => [masked]'],
      ['password%3Ahunter2', 'password%3A[masked]'],
      ['password=[masked]hunter2', 'password=[masked]'],
      ['password=[masked] user=ann', 'password=[masked] user=ann'],
      ['domain password=a\\b c', 'domain password=[masked] c'],
      ['Cookie: theme=dark; sid=hunter2\nHost: a', 'Cookie: [masked]\nHost: a'],
      ['login --password hunter2 --user ann', 'login --password [masked] --user ann'],
      ['login -db-password "two words" x', 'login -db-password "[masked]" x'],
      ['<db:Password enc="no">hunter2</db:Password>', '<db:Password enc="no">[masked]</db:Password>'],
      ['<token>\nhunter2\n</token>', '<token>[masked]</token>'],
      ['-H "Authorization: ApiKey hunter2" x', '-H "Authorization: [masked]" x'],
      ['{"url":"https:\\/\\/bob:hunter2@db.example\\/x"}', '{"url":"https://[masked]@db.example/x"}'],
      ['https:\\/\\/db.example\\/x', 'https:\\/\\/db.example\\/x'],
      ['db:\n  password: |\n    hunter2\n\n    more\n  user: ann\n', 'db:\n  password: [masked]\n'],
      ['password: >-\n  hunter2\nuser: ann', 'password: [masked]\nuser: ann'],
      ['password:\n  - hunter2\n  - hunter3\nuser: ann', 'password:\n  [masked]\nuser: ann'],
      ['lines:\n  - one\n  - two', 'lines:\n  - one\n  - two'],
    ];
    for (const [text, expected] of table) expect(maskSecrets(text)).to.equal(expected);
  });

  it('masks what short names say is secret, as words of their own', () => {
    const table: readonly (readonly [text: string, expected: string])[] = [
      ['pass=hunter2 db_pass=hunter2 x', 'pass=[masked] db_pass=[masked] x'],
      ['dbPass: hunter2, DB_PASS="a b", DBPass=hunter2', 'dbPass: [masked], DB_PASS="[masked]", DBPass=[masked]'],
      ['db-passwd=hunter2&userPwd=hunter2', 'db-passwd=[masked]&userPwd=[masked]'],
      ['{"spring.pass":"hunter2"}', '{"spring.pass":"[masked]"}'],
      ["env['DB_PASS'] = 'hunter2'", "env['DB_PASS'] = '[masked]'"],
      ['line\\npass=hunter2 x\\u0026sid=hunter2', 'line\\npass=[masked] x\\u0026sid=[masked]'],
      ['otp=123456 totp: 123456', 'otp=[masked] totp: [masked]'],
      ['PIN: 1234, cardPin=1234, new-pin=1234', 'PIN: [masked], cardPin=[masked], new-pin=[masked]'],
      ['sid=hunter2; connect.sid=hunter2', 'sid=[masked]; connect.sid=[masked]'],
      ['https://a.example/c?sv=1&sig=a%2Fb%3D&se=2', 'https://a.example/c?sv=1&sig=[masked]&se=2'],
      ['login --pass hunter2 --pin 1234 -db-pass hunter2', 'login --pass [masked] --pin [masked] -db-pass [masked]'],
      ['keytool -storepass hunter2 -keypass hunter2', 'keytool -storepass [masked] -keypass [masked]'],
      ['<db_pass>hunter2</db_pass>', '<db_pass>[masked]</db_pass>'],
    ];
    for (const [text, expected] of table) expect(maskSecrets(text)).to.equal(expected);
  });

  it('masks what a place says is secret: a query, a command, a file of logins, an element with a key and a value', () => {
    const table: readonly (readonly [text: string, expected: string])[] = [
      ['https://a.example/cb?code=hunter2&state=1', 'https://a.example/cb?code=[masked]&state=1'],
      ['/cb?state=1&code=hunter2#x', '/cb?state=1&code=[masked]#x'],
      ['a&amp;code=hunter2', 'a&amp;code=[masked]'],
      ['a\\u0026code=hunter2', 'a\\u0026code=[masked]'],
      ['%3Fcode%3Dhunter2', '?code=[masked]'],
      [
        '?token=hunter2&to=%3Fsid%3Dhunter2%26to%3D%253Fcode%253Dhunter2',
        '?token=[masked]&to=?sid=[masked]&to=?code=[masked]',
      ],
      ["%7B'pwd'%3A%20'hunter2'%7D", "%7B'pwd'%3A%20'[masked]'%7D"],
      ['curl -u ann:hunter2 https://a.example', 'curl -u ann:[masked] https://a.example'],
      ['curl -sSu "ann:two words" x', 'curl -sSu "ann:[masked]" x'],
      ['{\\"cmd\\":\\"curl -u \\\\\\"ann:a b\\\\\\" x\\"}', '{\\"cmd\\":\\"curl -u \\\\\\"ann:[masked]\\\\\\" x\\"}'],
      ["curl --user=ann:hunter2 --proxy-user 'ann:a b'", "curl --user=ann:[masked] --proxy-user 'ann:[masked]'"],
      ['curl+-u+ann:hunter2+x', 'curl+-u+ann:[masked]'],
      ['machine a login ann password hunter2 machine b', 'machine a login ann password [masked] machine b'],
      ['login ann+tag password hunter2', 'login ann+tag password [masked]'],
      ['login++a++password++hunter2', 'login++a++password++[masked]'],
      ['machine a\n  login ann\n  password hunter2\n', 'machine a\n  login ann\n  password [masked]\n'],
      ['machine a password "two words" login ann', 'machine a password "[masked]" login ann'],
      ['machine a\\nlogin ann\\npassword hunter2', 'machine a\\nlogin ann\\npassword [masked]'],
      ['<add key="Password" value="hunter2" />', '<add key="Password" value="[masked]" />'],
      ["<property value='a > b' name='db.pass'/>", "<property value='[masked]' name='db.pass'/>"],
      ['<add key=\\"DbPass\\" value=\\"hunter2\\">', '<add key=\\"DbPass\\" value=\\"[masked]\\">'],
    ];
    for (const [text, expected] of table) expect(maskSecrets(text)).to.equal(expected);
  });

  it('masks what stands beside the name of a secret in JSON that is cut off, or has text around it', () => {
    const table: readonly (readonly [text: string, expected: string])[] = [
      ['run ["--password","hunter2","x"', 'run ["--password","[masked]","x"'],
      [
        "argv = ['--db-pass', 'two words', '--api-key', '9']",
        "argv = ['--db-pass', '[masked]', '--api-key', '[masked]']",
      ],
      ['[\\"--pin\\", \\"1234\\"]', '[\\"--pin\\", \\"[masked]\\"]'],
      ['["--token","a\\"b c","d"', '["--token","[masked]","d"'],
      ['["--password","cut', '["--password","[masked]'],
      ['["curl","-u","ann:hunter2"', '["curl","-u","ann:[masked]"'],
      ["['--proxy-user', 'ann:two words', 'x']", "['--proxy-user', 'ann:[masked]', 'x']"],
      ['got {"name":"password","value":"hunter2"}', 'got {"name":"password","value":"[masked]"}'],
      ['{ "Key" : "API key" , "Value" : "two words" }, ', '{ "Key" : "API key" , "Value" : "[masked]" }, '],
      [
        '{"name":"Password field","type":"t","value":"a{b"}..',
        '{"name":"Password field","type":"t","value":"[masked]"}..',
      ],
      [
        '{\\"id\\":\\"1\\",\\"key\\":\\"pin\\",\\"value\\":\\"12\\"}',
        '{\\"id\\":\\"1\\",\\"key\\":\\"pin\\",\\"value\\":\\"[masked]\\"}',
      ],
      ["{'ParameterKey': 'DbPwd', 'ParameterValue': 'x'", "{'ParameterKey': 'DbPwd', 'ParameterValue': '[masked]'"],
      ['{"value":"hunter2","name":"token"},', '{"value":"[masked]","name":"token"},'],
      ['{"value":"two words","type":"t","key":"token"', '{"value":"[masked]","type":"t","key":"token"'],
      ['%5B%22--password%22%2C%22hunter2%22%5D', '["--password","[masked]"]'],
      ['%7B%22name%22%3A%22token%22%2C%22value%22%3A%22x%22', '{"name":"token","value":"[masked]"'],
      ['SECRET_KEY=hunter2', 'SECRET_KEY=[masked]'],
    ];
    for (const [text, expected] of table) {
      expect(maskSecrets(text)).to.equal(expected);
      expect(maskSecrets(expected)).to.equal(expected);
    }
  });

  it('masks the private members of a JWK in a text that holds one, whatever is around it', () => {
    const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
    const secrets = [jwk.d, jwk.p, jwk.q, jwk.dp, jwk.dq, jwk.qi] as string[];
    const json = JSON.stringify(jwk);
    const texts = [
      `the key is ${JSON.stringify(jwk, null, 2)}, keep it`,
      `[${json},\n`,
      JSON.stringify({ body: json }),
      `${json}\n${json}`,
      json.replaceAll('"', "'"),
      Object.entries(jwk)
        .map(([name, value]) => `  ${name}: ${String(value)}\n`)
        .join(''),
    ];
    for (const text of texts) {
      const masked = maskSecrets(text);
      for (const secret of secrets) expect(masked).to.not.include(secret.slice(0, 12));
      expect(masked).to.include(jwk.n!);
    }
    expect(maskSecrets('{"kty":"oct","k":"c2VjcmV0"}')).to.equal('{"kty":"oct","k":"[masked]"}');
    expect(maskSecrets('{"kty":"AKP","priv":"c2VjcmV0"}')).to.equal('{"kty":"AKP","priv":"[masked]"}');
    expect(maskSecrets('{"d":"2026-11-22","k":"north"}')).to.equal('{"d":"2026-11-22","k":"north"}');
  });

  it('leaves alone what only looks like the name of a secret', () => {
    const harmless = [
      'code: 5, exit code=ENOENT',
      '{"code":"scope_insufficient","status":403}',
      'https://a.example/?zipcode=12345&codec=vp9&qrcode=yes',
      'the pin is on the map, pin it and pass it on',
      'compass=north, bypass: always, trespass=none',
      'spin=fast, opinion: mine, inside: out, design=new, sidecar=on, sign: plus',
      '{"pass":12,"fail":0}',
      'pass=true',
      'passed: 12, passport=none, pass_rate: high',
      'docker run -u 1000:1000 image',
      'sort -u 10:30',
      'uniq -u names and then: more',
      'a machine password reset, and the password is old',
      'login page or password reset',
      '<add key="Theme" value="dark" />',
      '<option value="north" name="compass"/>',
      'const keys: Map<string, d> = new Map()',
      '["--password","--verbose"], ["--token-limit","5"], ["password","username"]',
      '["the --password", "x"], ["--password"], "x"',
      '["sort", "-u", "names", "docker", "-u", "1000:1000"]',
      '{"name":"password","type":"string"}, {"value":"x"}',
      '{"name":"compass","value":"north"}, {"value":"dark","name":"theme"}',
      '{"name":"password","evaluation":"x"}, {"title":"password","value":"x"}',
      `{"name":"password","a":"${'x'.repeat(300)}","value":"x"}`,
    ];
    for (const text of harmless) expect(maskSecrets(text)).to.equal(text);
  });

  it('leaves alone what is no secret', () => {
    const harmless = [
      'tools/call',
      'https://example.com/a?b=c',
      'the basic idea of a token',
      'bearer of news',
      '550e8400-e29b-41d4-a716-446655440000',
      `sha256:${'0f'.repeat(32)}`,
      'max_tokens',
      'run --password --verbose',
      'a non-secret thing, and a top-secret one',
      '<tokens-used>12</tokens-used>',
      '<password></password>',
      'if a<b and c>d',
      'risk-assessment-of-the-year',
      '2026-11-22T12:00:00.000Z',
    ];
    for (const text of harmless) expect(maskSecrets(text)).to.equal(text);
  });

  it('masks what the request itself carries, its parts included', () => {
    const own = new OwnSecrets({
      authorization: ['Bearer opaque-token-of-ann'],
      cookie: ['theme=dark; sid=9f8e7d6c5b4a'],
      'x-api-key': ['k-1234567'],
      'mcp-session-id': ['session-0001'],
      'user-agent': ['client/1.0 (linux)'],
    });
    const slashes = new OwnSecrets({ cookie: ['sid=ab/CDEF12345/ghij'] });
    expect(maskSecrets('{"c":"ab\\/CDEF12345\\/ghij","d":"e\\/f"}', slashes)).to.equal('{"c":"[masked]","d":"e/f"}');
    const text = 'a opaque-token-of-ann b 9f8e7d6c5b4a c k-1234567 d session-0001 client/1.0 (linux) dark';
    expect(maskSecrets(text, own)).to.equal('a [masked] b [masked] c [masked] d [masked] client/1.0 (linux) dark');
  });

  it('looks for the longest hundred of thousands of parts, through as many texts', () => {
    const parts = Array.from({ length: 1700 }, (_, index) => `aaaaaa${String(index).padStart(4, '0')}`);
    const own = new OwnSecrets({ authorization: [`Bearer ${parts.join('.')}.the-longest-part`] });
    const before = process.cpuUsage();
    for (let index = 0; index < 30_000; index += 1) maskSecrets('aaaaaa aaaaaa aaaaaa aaaaaa', own);
    for (let index = 0; index < 100; index += 1) maskSecrets('aaaaaa '.repeat(1400), own);
    expect(process.cpuUsage(before).user / 1000).to.be.lessThan(3000);
    expect(maskSecrets('a the-longest-part b', own)).to.equal('a [masked] b');
  });

  it('finds what the request carries wherever it stands in a text of any length, and touches no text without it', () => {
    const word = fc.stringMatching(/^[A-Za-z0-9]{8,40}$/);
    const around = fc.stringMatching(/^[a-z /#]{0,60}$/);
    fc.assert(
      fc.property(word, around, around, (secret, before, after) => {
        const own = new OwnSecrets({ cookie: [`theme=dark; sid=${secret}`] });
        expect(own.mask(`${before}${secret}${after}`)).to.not.include(secret);
        const without = `${before}${secret.slice(1, 8)}${after}`;
        fc.pre(!without.includes(secret));
        expect(own.mask(without)).to.equal(without);
      }),
    );
  });

  it('does not look for a part so often that it finds no other', () => {
    const own = new OwnSecrets({ cookie: Array.from({ length: 200 }, () => 'a=the-same-long-part; sid=9f8e7d6c5b4a') });
    expect(maskSecrets('a the-same-long-part b 9f8e7d6c5b4a c', own)).to.equal('a [masked] b [masked] c');
  });

  it('gets through long texts that are made to hold it up', () => {
    const hostile = [
      '://',
      'token',
      'eyJ',
      '-----BEGIN A',
      'Bearer ',
      'a_',
      '1 ',
      'Basic AAAA',
      'sk-',
      'password = ',
      'cookie: ',
      'token="',
      'pass=',
      'pass\\',
      'a-',
      '-a ',
      '--pin ',
      '-u a:',
      '-u ',
      '-u+',
      '?code=',
      'login ',
      'login+a+',
      'login a password ',
      '\\n',
      '<a key="pin" ',
      '<a key="pin" value="',
      '<a b="\'',
      '<pin ',
      '<pin>',
      '"d":"',
      '"kty":d=',
      '{"a":',
      '[{"a":"',
      '"--pin","',
      '"--pin",',
      '"-u","a:',
      '"name":"pin",',
      '"name":"pin","value":',
      '"value":"a",',
      '"value":"',
      '"value":"a","name":"',
      "'value':\"",
      '\\"value\\":"',
    ];
    const heads = ['"value":"', '"key":"pin","value":"', '"key":"pin",', '"--pin","', '"-u","a:', 'pin="', "-pin '"];
    const tails = ['\\', '\\"', "\\'", ' ', 'a', ',', '+', '\\n', '"', 'value', 'key'];
    const texts = [
      ...hostile.map((piece) => [piece, piece.repeat(20_000)] as const),
      ...heads.flatMap((head) => tails.map((tail) => [head + tail, head + tail.repeat(20_000)] as const)),
    ];
    for (const [piece, text] of texts) {
      const before = process.cpuUsage();
      expect(maskCards(maskRandom(maskSecrets(text))).length).to.be.at.most(text.length * 4);
      expect(process.cpuUsage(before).user / 1000, piece).to.be.lessThan(1000);
    }
  });
});

describe('maskRandom and maskCards', () => {
  it('mask keys of unknown kinds, and neither words nor digests', () => {
    expect(maskRandom('wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY')).to.equal('[masked]');
    for (const text of ['0f'.repeat(32), 'a-long-name-of-a-tool-that-nobody-reads', 'A'.repeat(40)]) {
      expect(maskRandom(text)).to.equal(text);
    }
  });

  it('mask numbers of cards, and no others', () => {
    expect(maskCards('pay 4111 1111 1111 1111 now')).to.equal('pay [masked] now');
    expect(maskCards('order 4111111111111112')).to.equal('order 4111111111111112');
  });
});

describe('isSecretName', () => {
  it('knows names of secrets in any spelling', () => {
    for (const name of ['password', 'clientSecret', 'API-Key', 'access_token', 'X-Auth-Token', 'Set-Cookie', 'jwt']) {
      expect(isSecretName(name, 'x'), name).to.equal(true);
    }
    for (const name of ['path', 'author', 'session_length', 'monkey', 'key']) {
      expect(isSecretName(name, 'x'), name).to.equal(false);
    }
    expect(isSecretName('max_tokens', 100)).to.equal(false);
    expect(isSecretName('pin', 1234)).to.equal(true);
    expect(isSecretName(`${'x'.repeat(1000)}_password`, 'x')).to.equal(true);
  });

  it('takes short names for words of their own', () => {
    const names = [
      'pass',
      'db_pass',
      'dbPass',
      'DB_PASS',
      'DBPass',
      'db-passwd',
      'dbpass',
      'userPwd',
      'otp',
      'totp',
      'pin',
    ];
    for (const name of [...names, 'cardPin', 'user.pin', 'pin1', 'sid', 'connect.sid', 'sig', 'x-sig']) {
      expect(isSecretName(name, 'x'), name).to.equal(true);
    }
    const others = ['compass', 'COMPASS', 'bypass', 'pass_rate', 'passRate', 'passed', 'spin', 'pinned', 'inside'];
    for (const name of [...others, 'sidecar', 'design', 'sign', 'code', 'zip_code', 'laptop']) {
      expect(isSecretName(name, 'x'), name).to.equal(false);
    }
  });

  it('takes a count and a verdict for no secret, and a number that is one for one', () => {
    for (const [name, value] of [
      ['pass', 12],
      ['pass', true],
      ['sid', 7],
    ] as const) {
      expect(isSecretName(name, value), name).to.equal(false);
    }
    for (const name of ['db_pass', 'dbpass', 'card_pin', 'otp', 'password'])
      expect(isSecretName(name, 1234), name).to.equal(true);
  });

  it('reads any name', () => {
    fc.assert(fc.property(fc.string(), (name) => typeof isSecretName(name, '') === 'boolean'));
  });
});

describe('maskName', () => {
  const name = 'https://peer.example/mcp#s3cr3tNameOfATool';

  it('masks in a name what a request carries itself, also where others had no secret in it', () => {
    const harmless = new OwnSecrets({ cookie: ['sid=9f8e7d6c5b4a'] });
    const own = new OwnSecrets({ cookie: ['sid=s3cr3tNameOfATool'] });
    expect(maskName(name, harmless)).to.equal(name);
    expect(maskName(name, harmless)).to.equal(name);
    expect(maskName(name, own)).to.equal('https://peer.example/mcp#[masked]');
  });

  it('masks what is a secret by its form each time', () => {
    const own = new OwnSecrets({});
    const table = [
      `https://peer.example/${JWT}`,
      'https://ann:pw@peer.example/mcp',
      `https://peer.example/password%3Ahunter2`,
    ];
    for (const text of table) {
      for (const masked of [maskName(text, own), maskName(text, own)]) expect(masked).to.equal(maskSecrets(text));
      expect(maskName(text, own)).to.include('[masked]');
    }
  });
});
