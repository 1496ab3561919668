// A running oidc-provider that issues JWT access tokens (RFC 9068), for the end-to-end tests and for the fixtures in
// tests/it/providers/issued.
//
//   node oidc_provider.mjs serve   listens at https://localhost with the certificate in TLS_CERT and TLS_KEY (PEM), prints one line
//                                  of JSON, and stops when standard input ends
//   node oidc_provider.mjs issue   prints a fixture: tokens, published documents and the expected callers
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import { Provider } from 'oidc-provider';

const RESOURCE = 'https://hf.contoso.com/';
const SCOPE = 'models:query';
const ALGORITHMS = ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA', 'Ed25519'];
const MACHINE = { client_id: 'nightly-job', client_secret: randomUUID() };
const NOTEBOOK = { client_id: 'notebook', client_secret: randomUUID() };
const PERSON = 'ada@contoso.com';

// Each algorithm has a resource server, because a resource server determines how its tokens are signed.
const resourceOf = (algorithm) => `${RESOURCE}${algorithm}`;

function privateKeys() {
  const pairs = [
    ['rsa', { modulusLength: 2048 }],
    ['ec', { namedCurve: 'P-256' }],
    ['ec', { namedCurve: 'P-384' }],
    ['ed25519', {}],
  ];
  return pairs.map(([type, options]) => ({
    ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }), use: 'sig',
  }));
}

function provider(issuer) {
  const server = new Provider(issuer, {
    jwks: { keys: privateKeys() },
    clients: [
      { ...MACHINE, grant_types: ['client_credentials'], redirect_uris: [], response_types: [] },
      { ...NOTEBOOK, grant_types: ['authorization_code'], redirect_uris: ['https://notebook.contoso.com/back'] },
    ],
    enabledJWA: { idTokenSigningAlgValues: ALGORITHMS },
    extraTokenClaims: (_, token) => ({ roles: token.kind === 'AccessToken' ? ['ml-user'] : ['ml-job'] }),
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => resourceServer(resource),
      },
    },
    ttl: { AccessToken: 3600, ClientCredentials: 600, Grant: 3600 },
  });
  server.on('server_error', (_, error) => console.error(error));
  return server;
}

function resourceServer(resource) {
  const alg = resource.slice(RESOURCE.length);
  return { scope: SCOPE, audience: resource, accessTokenFormat: 'jwt', jwt: { sign: { alg } } };
}

/** A token for an application, requested at the token endpoint. */
async function machineToken(base, algorithm) {
  const { client_id, client_secret } = MACHINE;
  const basic = Buffer.from(`${client_id}:${client_secret}`).toString('base64');
  const form = { grant_type: 'client_credentials', scope: SCOPE, resource: resourceOf(algorithm) };
  const response = await fetch(`${base}/token`, {
    method: 'POST', headers: { authorization: `Basic ${basic}` }, body: new URLSearchParams(form),
  });
  const answer = await response.json();
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer.access_token;
}

/** A token for a person, by a grant as it exists after consent. */
async function personToken(server, algorithm) {
  const resource = resourceOf(algorithm);
  const client = await server.Client.find(NOTEBOOK.client_id);
  const grant = new server.Grant({ accountId: PERSON, clientId: client.clientId });
  grant.addResourceScope(resource, SCOPE);
  const grantId = await grant.save();
  const token = new server.AccessToken({
    accountId: PERSON, client, grantId, gty: 'authorization_code', scope: SCOPE,
  });
  token.resourceServer = new server.ResourceServer(resource, resourceServer(resource));
  token.extra = { roles: ['ml-user'] };
  return token.save();
}

/** A person's and an application's token of each algorithm, with the callers that they were issued to. */
async function tokens(server, base) {
  const caller = { scope: SCOPE };
  const issued = [];
  for (const algorithm of ALGORITHMS) {
    const audience = resourceOf(algorithm);
    issued.push({
      algorithm, audience, token: await machineToken(base, algorithm),
      caller: { ...caller, object: MACHINE.client_id, client: MACHINE.client_id, kind: 'app', role: 'ml-job' },
    }, {
      algorithm, audience, token: await personToken(server, algorithm),
      caller: { ...caller, object: PERSON, client: NOTEBOOK.client_id, kind: 'user', role: 'ml-user' },
    });
  }
  return issued;
}

const listening = (server) => new Promise((done) => {
  server.listen(0, '127.0.0.1', () => done(server.address().port));
});

const version = () => JSON.parse(readFileSync(new URL('node_modules/oidc-provider/package.json', import.meta.url))).version;

async function issue() {
  const issuer = 'https://op.contoso.com';
  const server = provider(issuer);
  server.proxy = true;
  const http = createHttpServer(server.callback());
  const base = `http://127.0.0.1:${await listening(http)}`;
  const issued_at = Math.floor(Date.now() / 1000);
  const forwarded = { headers: { 'x-forwarded-host': 'op.contoso.com', 'x-forwarded-proto': 'https' } };
  const document = async (path) => (await fetch(`${base}${path}`, forwarded)).json();
  const discovery = await document('/.well-known/openid-configuration');
  const jwks = await document('/jwks');
  const issued = await tokens(server, base);
  http.close();
  const fixture = { implementation: 'oidc-provider', version: version(), issued_at, issuer, discovery, jwks, tokens: issued };
  console.log(JSON.stringify(fixture, null, 2));
}

async function serve() {
  let server;
  const options = { cert: process.env.TLS_CERT, key: process.env.TLS_KEY };
  const https = createServer(options, (request, response) => server.callback()(request, response));
  const port = await listening(https);
  const issuer = `https://localhost:${port}`;
  server = provider(issuer);
  // The tokens are requested without TLS, since this process does not trust the certificate.
  const http = createHttpServer(server.callback());
  const issued = await tokens(server, `http://127.0.0.1:${await listening(http)}`);
  http.close();
  console.log(JSON.stringify({ issuer, port, tokens: issued }));
  process.stdin.on('end', () => process.exit()).resume();
}

await { serve, issue }[process.argv[2]]();
