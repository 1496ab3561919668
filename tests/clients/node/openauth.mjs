// Issues tokens with an OpenAuth issuer and prints a fixture for tests/it/providers/issued. The tokens are JWTs but do not
// follow RFC 9068: they contain neither `iat` nor a client apart from `aud`, and all facts about the caller are in
// `properties`.
import { readFileSync } from 'node:fs';
import { issuer } from '@openauthjs/openauth';
import { MemoryStorage } from '@openauthjs/openauth/storage/memory';
import { createSubjects } from '@openauthjs/openauth/subject';

const ISSUER = 'https://openauth.contoso.com';
const CLIENT = 'hf';

console.log = () => {}; // the issuer logs each request on standard output

const any = { '~standard': { version: 1, vendor: 'none', validate: (value) => ({ value }) } };
const server = issuer({
  subjects: createSubjects({ user: any, job: any }),
  storage: MemoryStorage(),
  ttl: { access: 3600 },
  providers: {
    directory: { type: 'directory', init() {}, client: async ({ params }) => ({ type: params.type, role: params.role }) },
  },
  success: (context, { type, role }) => context.subject(type, { roles: [role], groups: ['ml'] }),
});

const at = async (path, options) => (await server.request(`${ISSUER}${path}`, options)).json();

async function issued(type, kind, role) {
  const form = { grant_type: 'client_credentials', provider: 'directory', client_id: CLIENT, client_secret: 'any', type, role };
  const { access_token } = await at('/token', { method: 'POST', body: new URLSearchParams(form) });
  const { sub } = JSON.parse(Buffer.from(access_token.split('.')[1], 'base64url'));
  return {
    algorithm: 'ES256', audience: CLIENT, token: access_token,
    caller: { object: sub, client: null, kind, role, group: 'ml' },
  };
}

const package_json = new URL('node_modules/@openauthjs/openauth/package.json', import.meta.url);
const issued_at = Math.floor(Date.now() / 1000);
const fixture = {
  implementation: 'OpenAuth',
  version: JSON.parse(readFileSync(package_json)).version,
  issued_at,
  issuer: ISSUER,
  discovery: await at('/.well-known/oauth-authorization-server'),
  jwks: await at('/.well-known/jwks.json'),
  tokens: [await issued('job', 'app', 'ml-job'), await issued('user', 'user', 'ml-user')],
};
process.stdout.write(`${JSON.stringify(fixture, null, 2)}\n`);
