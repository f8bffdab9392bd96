// The programs that the pages link to as whole ones run as they are, wherever the package is installed.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { certificateAuthority } from '../support/certificates.js';
import { createProject, type Project } from './installed.js';

const PROGRAMS: Readonly<Record<string, readonly RegExp[]>> = {
  'dpop.js': [/^with the key: \{ result: 'ann' \}$/m, /^without it: 401$/m],
  'introspection.js': [/^an active token: \{ result: 'ann' \}$/m, /^another one: 401$/m],
  'mtls.js': [/^what it may: \{ result: 'paid by billing' \}$/m, /^what it may not: 403$/m],
  'step-up.js': [
    /^signed in somehow: 401 .*error="insufficient_user_authentication".*acr_values="urn:example:mfa"/m,
    /^with a second factor, just now: \{ result: 'paid' \}$/m,
  ],
};

describe('the whole programs of the pages', function () {
  this.timeout(60_000);
  let project: Project;
  beforeEach(() => {
    project = createProject();
  });
  /** What mtls.js reads. */
  const writeCertificates = async (): Promise<void> => {
    const authority = await certificateAuthority();
    const server = await authority.issue([
      { type: 'dns', value: 'localhost' },
      { type: 'url', value: 'spiffe://example.org/server' },
    ]);
    const client = await authority.issue([{ type: 'url', value: 'spiffe://example.org/billing' }]);
    project.write({
      'ca.pem': authority.ca,
      'server.pem': server.cert,
      'server-key.pem': server.key,
      'client.pem': client.cert,
      'client-key.pem': client.key,
    });
  };

  afterEach(() => {
    project.remove();
  });

  for (const [name, says] of Object.entries(PROGRAMS)) {
    it(`run: ${name}`, async () => {
      if (name === 'mtls.js') await writeCertificates();
      project.write({ [name]: readFileSync(new URL(`../../examples/quickstart/${name}`, import.meta.url), 'utf8') });
      const run = promisify(execFile)(process.execPath, [...project.nodeOptions, name], { cwd: project.folder });
      const { stdout, stderr } = await run;
      expect(stderr).to.equal('');
      for (const pattern of says) expect(stdout).to.match(pattern);
    });
  }
});
