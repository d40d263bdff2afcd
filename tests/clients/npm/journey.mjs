// A relying party with openid-client: reads what it is told as JSON, does all a client can do, and
// prints as JSON what came of it.
import { readFileSync } from 'node:fs'
import { webcrypto } from 'node:crypto'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'

globalThis.crypto ??= webcrypto // Node.js 18
const told = JSON.parse(readFileSync(0, 'utf8'))
const issuer = new URL(told.issuer)

// Unlike by default, also the signature of an ID token that came straight from the provider counts.
const execute = [client.allowInsecureRequests, client.enableNonRepudiationChecks]

const configured = (id, auth, algorithm = 'oidc') =>
  client.discovery(issuer, id, { id_token_signed_response_alg: told.algorithm }, auth, {
    execute,
    algorithm,
  })

const refusal = async (promise) => {
  try {
    await promise
  } catch (error) {
    if (error instanceof client.ResponseBodyError) return error.error
    throw error
  }
  return null
}

const config = await configured(told.client_id, client[told.auth](told.client_secret))
const server = config.serverMetadata()

// The browser's part: the provider knows who it is and sends it straight back.
const verifier = client.randomPKCECodeVerifier()
const state = client.randomState()
const nonce = client.randomNonce()
const asked = client.buildAuthorizationUrl(config, {
  redirect_uri: told.redirect_uri,
  scope: 'openid profile email offline_access',
  code_challenge: await client.calculatePKCECodeChallenge(verifier),
  code_challenge_method: 'S256',
  max_age: '3600',
  state,
  nonce,
})
const answer = await fetch(asked, { redirect: 'manual', headers: { cookie: told.cookie } })
const location = new URL(answer.headers.get('location') ?? `about:${answer.status}`)

const checks = {
  pkceCodeVerifier: verifier,
  expectedState: state,
  expectedNonce: nonce,
  maxAge: 3600,
  idTokenExpected: true,
}
const given = await client.authorizationCodeGrant(config, location, checks)
const claims = given.claims()
const userinfo = await client.fetchUserInfo(config, given.access_token, claims.sub)

let accessClaims = null
if (told.is_jwt) {
  const request = new Request('https://rooms.example/', {
    headers: { authorization: `Bearer ${given.access_token}` },
  })
  accessClaims = await oauth.validateJwtAccessToken(server, request, told.client_id, {
    [oauth.allowInsecureRequests]: true,
  })
}

const refreshed = await client.refreshTokenGrant(config, given.refresh_token)
const isActive = async (token) => (await client.tokenIntrospection(config, token)).active
const before = await isActive(refreshed.access_token)
await client.tokenRevocation(config, refreshed.refresh_token)
const after = await isActive(refreshed.access_token)
const revoked = await refusal(client.refreshTokenGrant(config, refreshed.refresh_token))
const reused = await refusal(client.authorizationCodeGrant(config, location, checks))

const service = await configured(
  told.service.client_id,
  client.ClientSecretBasic(told.service.client_secret),
  'oauth2',
)
const own = await client.clientCredentialsGrant(service)
const introspected = await client.tokenIntrospection(service, own.access_token)

console.log(
  JSON.stringify({
    claims,
    userinfo,
    accessClaims,
    expiresIn: given.expiresIn(),
    refreshedSubject: refreshed.claims().sub,
    isRotated: refreshed.refresh_token !== given.refresh_token,
    activity: [before, after],
    refusals: [revoked, reused],
    introspected,
    endSession: client.buildEndSessionUrl(config, { id_token_hint: given.id_token }).href,
  }),
)
