import { expect } from 'chai';
import { assertLearnedUrl, resolveHost } from '../../../lib/tokens/publicHost.js';

const HOME = 'https://issuer.example/.well-known/oauth-authorization-server';

async function allowed(learned: string, configured = HOME, addresses?: readonly string[]): Promise<boolean> {
  try {
    await assertLearnedUrl(learned, configured, addresses && (() => Promise.resolve(addresses)));
    return true;
  } catch (error) {
    if (error instanceof Error && error.message.startsWith('a learned URL')) return false;
    throw error;
  }
}

describe('lib/tokens/publicHost', () => {
  it('allows the configured host, private or not, by https', async () => {
    expect(await allowed('https://issuer.example/jwks')).to.equal(true);
    expect(await allowed('https://issuer.example:8443/jwks')).to.equal(true);
    expect(await allowed('https://10.1.2.3/jwks', 'https://10.1.2.3/meta')).to.equal(true);
    expect(await allowed('http://issuer.example/jwks')).to.equal(false);
    expect(await allowed('https://10.1.2.4/jwks', 'https://10.1.2.3/meta')).to.equal(false);
  });

  it('allows another public host by https alone', async () => {
    expect(await allowed('https://keys.example/jwks')).to.equal(true);
    expect(await allowed('https://8.8.8.8/jwks')).to.equal(true);
    expect(await allowed('https://[2606:4700::1111]/jwks')).to.equal(true);
    for (const url of [
      'http://keys.example/jwks',
      'file:///etc/passwd',
      'data:application/json,{}',
      'ftp://keys.example',
      '/jwks',
      '',
    ]) {
      expect(await allowed(url), url).to.equal(false);
    }
  });

  it('denies an address that is not public, however it is written', async () => {
    const hosts = [
      '127.0.0.1',
      '127.1',
      '2130706433',
      '0x7f000001',
      '017700000001',
      '0.0.0.0',
      '10.0.0.1',
      '100.64.0.1',
      '169.254.169.254',
      '172.16.0.1',
      '172.31.255.255',
      '192.168.1.1',
      '192.0.2.1',
      '198.18.0.1',
      '224.0.0.1',
      '255.255.255.255',
      '[::]',
      '[::1]',
      '[::ffff:127.0.0.1]',
      '[::ffff:8.8.8.8]',
      '[64:ff9b::a00:1]',
      '[fc00::1]',
      '[fd12:3456::1]',
      '[fe80::1]',
      '[ff02::1]',
      '[2001:db8::1]',
      '[2002:7f00:1::]',
      '[2001::1]',
      'localhost',
      'keys.localhost',
    ];
    for (const host of hosts) expect(await allowed(`https://${host}/jwks`), host).to.equal(false);
  });

  it('denies user information', async () => {
    for (const url of [
      'https://issuer.example@evil.example/jwks',
      'https://u:p@issuer.example/jwks',
      'https://:p@issuer.example/',
    ]) {
      expect(await allowed(url), url).to.equal(false);
    }
  });

  it('denies a name when one of its addresses is not public', async () => {
    const url = 'https://keys.example/jwks';
    expect(await allowed(url, HOME, ['8.8.8.8', '2606:4700::1111'])).to.equal(true);
    for (const address of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '::1', 'fe80::1', 'nonsense']) {
      expect(await allowed(url, HOME, ['8.8.8.8', address]), address).to.equal(false);
    }
    expect(await allowed('https://issuer.example/jwks', HOME, ['10.0.0.1'])).to.equal(true);
  });

  it('finds every address of a name', async () => {
    const addresses = await resolveHost('localhost');
    expect(addresses).to.have.length.of.at.least(1);
    for (const address of addresses) expect(address).to.be.oneOf(['127.0.0.1', '::1']);
  });

  it('lets a loopback issuer name loopback, by http too', async () => {
    const local = 'http://127.0.0.1:3000/.well-known/openid-configuration';
    for (const url of ['http://127.0.0.1:3000/jwks', 'http://localhost:3001/jwks', 'http://[::1]/jwks']) {
      expect(await allowed(url, local), url).to.equal(true);
    }
    for (const url of ['http://10.0.0.1/jwks', 'https://192.168.0.1/jwks', 'http://keys.example/jwks']) {
      expect(await allowed(url, local), url).to.equal(false);
    }
    expect(await allowed('http://127.0.0.1:3000/jwks', HOME)).to.equal(false);
  });
});
