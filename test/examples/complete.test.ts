// The programs that the pages link to as whole ones run as they are, wherever the package is installed.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { createProject, type Project } from './installed.js';

const PROGRAMS: Readonly<Record<string, readonly RegExp[]>> = {
  'dpop.js': [/^with the key: \{ result: 'ann' \}$/m, /^without it: 401$/m],
  'introspection.js': [/^an active token: \{ result: 'ann' \}$/m, /^another one: 401$/m],
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
  afterEach(() => {
    project.remove();
  });

  for (const [name, says] of Object.entries(PROGRAMS)) {
    it(`run: ${name}`, async () => {
      project.write({ [name]: readFileSync(new URL(`../../examples/quickstart/${name}`, import.meta.url), 'utf8') });
      const run = promisify(execFile)(process.execPath, [...project.nodeOptions, name], { cwd: project.folder });
      const { stdout, stderr } = await run;
      expect(stderr).to.equal('');
      for (const pattern of says) expect(stdout).to.match(pattern);
    });
  }
});
