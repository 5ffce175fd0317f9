// A certified OpenID Connect provider (npm `oidc-provider`) with keys made anew at each start.
// usage: node provider.mjs FOLDER PORT KID   (FOLDER holds node_modules)
import { generateKeyPairSync } from 'node:crypto';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, port, kid] = process.argv.slice(2);
const library = join(folder, 'node_modules/oidc-provider/lib/index.js');
const { Provider } = await import(pathToFileURL(library));

const key = (type, options, name) => {
  const jwk = generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' });
  return { ...jwk, kid: `${kid}-${name}`, use: 'sig', alg: name };
};
const clients = ['svc', 'elliptic', 'stranger'].map((client_id) => ({
  client_id,
  client_secret: `${client_id}-secret`,
  grant_types: ['client_credentials'],
  redirect_uris: [],
  response_types: [],
}));

const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients,
  jwks: { keys: [key('rsa', { modulusLength: 2048 }, 'RS256'), key('ec', { namedCurve: 'P-256' }, 'ES256')] },
  scopes: ['infer', 'read'],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'urn:gateway',
      useGrantedResource: () => true,
      // Each client's tokens differ in one way.
      getResourceServerInfo: (_context, resource, client) => ({
        scope: 'infer read',
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 300,
        jwt: { sign: { alg: client.clientId === 'elliptic' ? 'ES256' : 'RS256' } },
      }),
    },
  },
  extraTokenClaims: (_context, token) => ({
    org: token.clientId === 'stranger' ? 'nowhere' : 'risk',
    realm: { roles: ['scorers', token.clientId] },
  }),
});
provider.listen(Number(port), '127.0.0.1');
