import { expect } from 'chai';
import { originOf, targetOf, targetOfUrl } from '../../../lib/signatures/message.js';
import { reasonOf } from './thrown.js';

const origin = { scheme: 'https', authority: 'mcp.example.com' };

describe('message', () => {
  it('takes scheme and authority of an origin in lower case and without the default port', () => {
    expect(originOf('HTTPS://MCP.Example.COM:443/mcp')).to.deep.equal({
      scheme: 'https',
      authority: 'mcp.example.com',
    });
    expect(originOf('http://localhost:80')).to.deep.equal({ scheme: 'http', authority: 'localhost' });
    expect(originOf(new URL('https://[::1]:8443/'))).to.deep.equal({ scheme: 'https', authority: '[::1]:8443' });
  });

  it('takes a target apart as it was received', () => {
    expect(targetOf(origin, '/mcp/../%6Dcp?a=1&a=%20?')).to.deep.equal({
      uri: 'https://mcp.example.com/mcp/../%6Dcp?a=1&a=%20?',
      scheme: 'https',
      authority: 'mcp.example.com',
      path: '/mcp/../%6Dcp',
      query: '?a=1&a=%20?',
      requestTarget: '/mcp/../%6Dcp?a=1&a=%20?',
    });
  });

  it('tells an empty query from none in the target URI only (RFC 9421 section 2.2.7)', () => {
    expect(targetOf(origin, '/mcp')).to.include({ uri: 'https://mcp.example.com/mcp', query: '?' });
    expect(targetOf(origin, '/mcp?')).to.include({ uri: 'https://mcp.example.com/mcp?', query: '?' });
  });

  it('takes an absolute URI of the same origin (pitfall 20)', () => {
    const target = targetOf(origin, 'HTTPS://MCP.example.com:443/mcp?a');
    expect(target).to.include({ uri: 'https://mcp.example.com/mcp?a', path: '/mcp', query: '?a' });
    expect(target.requestTarget).to.equal('HTTPS://MCP.example.com:443/mcp?a');
    expect(targetOf(origin, 'https://mcp.example.com')).to.include({ path: '/', query: '?' });
    expect(targetOf(origin, 'https://mcp.example.com?a')).to.include({ path: '/', query: '?a' });
    expect(targetOf(originOf('http://a:8080'), 'http://a:8080/x').uri).to.equal('http://a:8080/x');
    expect(targetOf(originOf('http://a'), 'HTTP://a:80/x').uri).to.equal('http://a/x');
    expect(reasonOf(() => targetOf(originOf('http://a'), 'http://a:443/x'))).to.equal('target_invalid');
    expect(reasonOf(() => targetOf(originOf('http://a'), 'http://b/x'))).to.equal('target_invalid');
    expect(reasonOf(() => targetOf(originOf('http://a'), 'https://a/x'))).to.equal('target_invalid');
  });

  it('takes the asterisk for the origin itself (RFC 9110 section 7.1)', () => {
    expect(targetOf(origin, '*')).to.include({
      uri: 'https://mcp.example.com',
      path: '/',
      query: '?',
      requestTarget: '*',
    });
  });

  it('denies targets of other origins and in other forms', () => {
    const bad = [
      ...['http://mcp.example.com/mcp', 'https://other.example/mcp', 'https://mcp.example.com:8443/mcp'],
      ...['https://mcp.example.com:80/mcp', 'https://user@mcp.example.com/mcp', 'https://mcp.example.com.evil/mcp'],
      ...['https:/mcp.example.com/mcp', 'https:mcp', 'mcp.example.com/mcp', 'mcp.example.com:443'],
      ...['', 'mcp', '?a', '**', '*?a', '/mcp#x', '/mcp?a#x', '#', 'https://mcp.example.com/#x', ' /mcp', '\\mcp'],
      ...[' https://mcp.example.com/mcp', 'x https://mcp.example.com/mcp', 'https://mcp.example.com/m\ncp'],
    ];
    for (const target of bad)
      expect(
        reasonOf(() => targetOf(origin, target)),
        target,
      ).to.equal('target_invalid');
  });

  it('takes a path of two slashes for a path', () => {
    expect(targetOf(origin, '//other.example/mcp').uri).to.equal('https://mcp.example.com//other.example/mcp');
  });

  it('is for a client what its URL sends', () => {
    const target = targetOfUrl(new URL('https://MCP.example.com:443/a b?q=\u00e9#fragment'));
    expect(target).to.include({ uri: 'https://mcp.example.com/a%20b?q=%C3%A9', requestTarget: '/a%20b?q=%C3%A9' });
    expect(targetOfUrl(new URL('https://mcp.example.com/mcp?#x')).requestTarget).to.equal('/mcp');
  });
});
