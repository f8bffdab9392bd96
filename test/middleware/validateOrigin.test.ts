import { expect } from 'chai';
import { fakeContext } from '../../lib/testing.js';
import { isDenial } from '../../lib/denial.js';
import { validateOrigin, type ValidateOriginOptions } from '../../middleware/validateOrigin.js';

const PUBLIC = 'https://mcp.example.com/mcp';
const LOCAL = 'http://127.0.0.1:3000/mcp';

function verdict(options: ValidateOriginOptions, headers: Record<string, string | readonly string[]>): string {
  try {
    void validateOrigin(options).run(fakeContext({ headers }));
    return 'allowed';
  } catch (error) {
    if (isDenial(error)) return error.code;
    throw error;
  }
}

describe('validateOrigin', () => {
  it('allows a request without Origin, which no page can send by script', () => {
    expect(verdict({ resource: PUBLIC }, {})).to.equal('allowed');
  });

  it('allows pages of its own origin and of those listed', () => {
    const options = { resource: PUBLIC, allowedOrigins: ['https://inspector.example.org'] };
    expect(verdict(options, { origin: 'https://mcp.example.com' })).to.equal('allowed');
    expect(verdict(options, { origin: 'https://inspector.example.org' })).to.equal('allowed');
  });

  it('denies every other origin, however near', () => {
    const origins = [
      'http://mcp.example.com',
      'https://mcp.example.com:8443',
      'https://mcp.example.com.evil.example',
      'https://evil.example',
      'https://mcp.example.com/',
      'https://MCP.example.com',
      'https://user@mcp.example.com',
      'null',
      '',
      'mcp.example.com',
      '*',
      '__proto__',
    ];
    for (const origin of origins) expect(verdict({ resource: PUBLIC }, { origin }), origin).to.equal('origin_denied');
  });

  it('denies two Origin lines, even when the first is allowed', () => {
    const headers = { origin: ['https://mcp.example.com', 'https://evil.example'] };
    expect(verdict({ resource: PUBLIC }, headers)).to.equal('header_duplicate');
  });

  it('takes the names of the loopback interface for one origin, with the same port only', () => {
    for (const name of ['localhost:3000', '127.0.0.1:3000', '[::1]:3000', 'LOCALHOST:3000']) {
      expect(verdict({ resource: LOCAL }, { host: name }), name).to.equal('allowed');
    }
    expect(verdict({ resource: LOCAL }, { host: 'localhost:3000', origin: 'http://localhost:3000' })).to.equal(
      'allowed',
    );
    expect(verdict({ resource: LOCAL }, { host: 'localhost:3000', origin: 'http://localhost:6274' })).to.equal(
      'origin_denied',
    );
  });

  it('denies a rebound host on the loopback interface, with and without Origin', () => {
    for (const host of ['evil.example.com', 'evil.example.com:3000', 'localhost', 'localhost:3001', '']) {
      expect(verdict({ resource: LOCAL }, { host }), host).to.equal('host_denied');
    }
    expect(verdict({ resource: LOCAL }, {})).to.equal('host_denied');
    expect(verdict({ resource: LOCAL }, { host: 'evil.example.com', origin: 'http://evil.example.com' })).to.equal(
      'origin_denied',
    );
    expect(verdict({ resource: LOCAL }, { host: ['localhost:3000', 'evil.example.com'] })).to.equal('header_duplicate');
  });

  it('takes every loopback address and name for loopback, and knows it by that name too', () => {
    const locals = ['http://127.0.0.2:3000/mcp', 'http://app.localhost:3000/mcp', 'https://[::1]:3000/mcp'];
    for (const resource of locals) {
      const { host, origin } = new URL(resource);
      expect(verdict({ resource }, { host, origin }), resource).to.equal('allowed');
      expect(verdict({ resource }, { host: 'localhost:3000' }), resource).to.equal('allowed');
      expect(verdict({ resource }, { host: 'evil.example:3000' }), resource).to.equal('host_denied');
    }
    expect(verdict({ resource: LOCAL }, { host: '127.0.0.2:3000' })).to.equal('host_denied');
  });

  it('reads the name that HTTP/2 sends in the place of Host, and denies two that differ', () => {
    expect(verdict({ resource: LOCAL }, { ':authority': 'localhost:3000' })).to.equal('allowed');
    expect(verdict({ resource: LOCAL }, { ':authority': 'localhost:3000', host: 'localhost:3000' })).to.equal(
      'allowed',
    );
    expect(verdict({ resource: LOCAL }, { ':authority': 'evil.example' })).to.equal('host_denied');
    expect(verdict({ resource: LOCAL }, { ':authority': 'localhost:3000', host: 'evil.example' })).to.equal(
      'host_denied',
    );
    expect(verdict({ resource: LOCAL }, { ':authority': 'evil.example', host: 'localhost:3000' })).to.equal(
      'host_denied',
    );
  });

  it('looks at Host on a public resource only where hosts are listed', () => {
    expect(verdict({ resource: PUBLIC }, { host: '10.0.0.5:3000' })).to.equal('allowed');
    const options = { resource: PUBLIC, allowedHosts: ['mcp.example.com'] };
    expect(verdict(options, { host: 'mcp.example.com' })).to.equal('allowed');
    expect(verdict(options, { host: 'mcp.example.com:8080' })).to.equal('host_denied');
  });

  it('takes as hosts what clients send: names in any case, addresses, with and without port', () => {
    for (const host of [
      'MCP.example.com',
      'mcp-a.example:8443',
      'a_b.example:80',
      'x:443',
      '10.0.0.5:3000',
      '[::1]:3000',
    ])
      expect(verdict({ resource: PUBLIC, allowedHosts: [host] }, { host: host.toLowerCase() }), host).to.equal(
        'allowed',
      );
  });

  it('does not build with options that protect nothing', () => {
    const wrong: [object, RegExp][] = [
      [{}, /'resource' must be the public http or https URL/],
      // Its origin would be 'null', which is what any page without one sends.
      [{ resource: 'mcp:server' }, /'resource' must be the public http or https URL/],
      [{ resource: PUBLIC, allowedOrigins: ['*'] }, /'allowedOrigins' \[0\] must be an origin/],
      [{ resource: PUBLIC, allowedOrigins: ['https://a.example/'] }, /must be an origin/],
      [{ resource: PUBLIC, allowedHosts: [] }, /'allowedHosts' must have at least 1 element/],
      ...[
        ...[
          'https://x.example',
          '*',
          '*.x.example',
          'x.example/',
          'x.example/mcp',
          'a b',
          'x.example:',
          'x.example:port',
        ],
        ...['x.example:70000', 'x.example:080', '::1', '[::1', '[0:0::1]', 'user@x.example', 'x\u00e4.example', '', 7],
      ].map(
        (host) =>
          [
            { resource: PUBLIC, allowedHosts: ['mcp.example.com', host] },
            /'allowedHosts' \[1\] must be a host, with its port where it is not that of the scheme, such as/,
          ] as [object, RegExp],
      ),
      [{ resource: PUBLIC, allowedOrigin: [] }, /unknown option 'allowedOrigin'; did you mean 'allowedOrigins'\?/],
    ];
    for (const [options, message] of wrong) {
      expect(() => validateOrigin(options as ValidateOriginOptions)).to.throw(TypeError, message);
    }
  });
});
