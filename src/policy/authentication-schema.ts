// The shape of `authentication:` of a rule, and what it means once it is readable. Kinds are named as the model names them.
import { z } from 'zod'
import { Secret } from '../base/secret.ts'
import { keyUsages, readIdentityForm, readKeyUsage } from './authentication-cells.ts'
import type { AccountMapping, Authentication, RevocationCheck } from './model.ts'
import { readHost } from './policy-cells.ts'
import { readPrincipal, readRealm, readService } from './principal-cells.ts'
import { fileName, fileNames, listOf, neededFile, nonEmpty, oneOf, secretText, text } from './schema-parts.ts'

export const authenticationKinds: readonly Authentication['kind'][] = [
  'certificate',
  'preSharedKey',
  'publicKey',
  'kerberos',
]
const revocations: readonly RevocationCheck[] = ['off', 'if-known', 'required']

const IDENTITY = 'an address, a name, name@name or a distinguished name'
const identityText = text(IDENTITY, readIdentityForm)
const identity = (byDefault: string) =>
  identityText.optional().meta({ description: `What this host calls itself in IKE; left out, ${byDefault}.` })
const peer = (byDefault: string) =>
  listOf(identityText, 'a list of identities')
    .optional()
    .meta({ description: `Identities of the far end that are accepted; left out, ${byDefault}.` })
const passphrase = secretText('What opens the private key.').optional()
const distinguishedName = (description: string) =>
  text('a distinguished name', readIdentityForm).optional().meta({ description })

const account = z
  .strictObject(
    {
      subject: distinguishedName("The certificate's subject."),
      issuer: distinguishedName("The certificate's issuer."),
      upn: text('a user principal name', readIdentityForm)
        .optional()
        .meta({ description: "The certificate's user principal name." }),
      account: text('the name of an account', nonEmpty).meta({ description: 'The account that the peer is then.' }),
    },
    { error: 'a mapping with account and one of subject, issuer and upn' },
  )
  .superRefine((value, context) => {
    if (value.subject !== undefined || value.issuer !== undefined || value.upn !== undefined) return
    const message = 'nothing says which certificates are meant'
    context.addIssue({ code: 'custom', message, params: { hint: 'write subject, issuer or upn' } })
  })

const certificate = z.strictObject(
  {
    ca: fileName('PEM file of the authorities that are trusted.'),
    own: fileName("PEM file of this host's certificate, and of those between it and its authority."),
    key: fileName("PEM file of this host's private key."),
    passphrase,
    crls: fileNames('Files of revocation lists, PEM or DER.').optional(),
    revocation: oneOf(revocations)
      .optional()
      .meta({
        description:
          'off: nobody is asked. if-known: what is known to be revoked is refused. required: what is not known to be good is refused.',
        default: 'if-known' satisfies RevocationCheck,
      }),
    ocsp: fileName("File of an OCSP response for this host's certificate, sent with it (RFC 4806)."),
    identity: identity('from the certificate'),
    peer: peer('any that its certificate has'),
    extendedKeyUsage: text('the name of a use, or its OID', readKeyUsage)
      .optional()
      .meta({
        description: "A use that the peer's certificate must be for.",
        examples: [...keyUsages.keys()],
      }),
    accounts: listOf(account, 'a list of accounts')
      .optional()
      .meta({ description: 'Which certificates stand for which account; only these are accepted then.' }),
  },
  { error: 'a mapping with ca, own and key' },
)

const preSharedKeyMapping = z.strictObject(
  {
    secret: secretText('A secret that both hosts have. Anybody who reads this file has it too.'),
    identity: identity('the address'),
    peer: peer('any'),
  },
  { error: 'text in quotes, or a mapping with secret, identity and peer' },
)
const preSharedKey = z.union([text('text in quotes', nonEmpty), preSharedKeyMapping], {
  error: 'text in quotes, or a mapping with secret, identity and peer',
})

const publicKey = z.strictObject(
  {
    key: neededFile("PEM file of this host's private key."),
    passphrase,
    identity: identity('the address'),
    peerKeys: fileNames('PEM files of the public keys that are accepted.'),
    peer: peer('any'),
  },
  { error: 'a mapping with key and peerKeys' },
)

const principal = text('a principal, such as host/dc1.corp.test@CORP.TEST', readPrincipal)
const KERBEROS = 'true, or a mapping with kdc, keytab, principal, service, peer and realm'
const kerberos = z.strictObject(
  {
    kdc: listOf(text('an address', readHost), 'a list of addresses').optional().meta({
      description:
        'Addresses of the key distribution centres that this host asks for tickets; left out, those that krb5.conf or DNS has.',
    }),
    keytab: fileName("File with this host's key; left out, /etc/krb5.keytab."),
    principal: principal.optional().meta({
      description: "This host's name in the realm; left out, the machine's of the key table (HOST$, then host/…).",
    }),
    service: text('the first part of a principal', readService)
      .optional()
      .meta({ description: "First part of hosts' principals where an account is no HOST$.", default: 'host' }),
    peer: listOf(principal, 'a list of principals')
      .optional()
      .meta({ description: 'Principals of the far end that are accepted; left out, every machine of the realm.' }),
    realm: text('a realm', readRealm)
      .optional()
      .meta({ description: "The realm, in capitals as a rule; left out, the principal's." }),
  },
  { error: KERBEROS },
)

const EXPECTED = 'kerberos, or a mapping with one of certificate, preSharedKey, publicKey and kerberos'

const method = z
  .strictObject(
    {
      certificate: certificate.optional().meta({ description: 'Certificates of X.509.' }),
      preSharedKey: preSharedKey
        .optional()
        .meta({ description: 'A secret that both hosts have. Anybody who reads this file has it too.' }),
      publicKey: publicKey.optional().meta({ description: 'Public keys without certificates (RFC 7670).' }),
      kerberos: z
        .union([z.literal(true), kerberos], { error: KERBEROS })
        .optional()
        .meta({ description: 'Kerberos version 5; only IKEv1 has it.' }),
    },
    { error: EXPECTED },
  )
  .superRefine((value, context) => {
    const message = 'one way of authentication stands in each item of the list'
    const hint = `write exactly one of ${authenticationKinds.join(', ')}`
    if (Object.keys(value).length !== 1) context.addIssue({ code: 'custom', message, params: { hint } })
  })
  .meta({ minProperties: 1, maxProperties: 1 })

export const authentication = z.union([z.literal('kerberos'), method], { error: EXPECTED })

/** The known keys of each mapping, by its place under an item of the list. */
export const authenticationKeysAt: readonly (readonly [place: string, keys: readonly string[]])[] = [
  ['', Object.keys(method.shape)],
  ['.certificate', Object.keys(certificate.shape)],
  ['.certificate.accounts', Object.keys(account.shape)],
  ['.preSharedKey', Object.keys(preSharedKeyMapping.shape)],
  ['.publicKey', Object.keys(publicKey.shape)],
  ['.kerberos', Object.keys(kerberos.shape)],
]

type Mapping = Readonly<Record<string, unknown>>

function asMapping(value: unknown): Mapping | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Mapping) : undefined
}

const asText = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined)

/** The texts under these keys, those that are there. */
function textsOf<K extends string>(mapping: Mapping, ...keys: readonly K[]): Readonly<Partial<Record<K, string>>> {
  const entries = keys.flatMap(key => {
    const value = asText(mapping[key])
    return value === undefined ? [] : [[key, value] as const]
  })
  return Object.fromEntries(entries) as Partial<Record<K, string>>
}

/** The same of lists. */
function listsOf<K extends string>(
  mapping: Mapping,
  ...keys: readonly K[]
): Readonly<Partial<Record<K, readonly string[]>>> {
  const entries = keys.flatMap(key => {
    const value: unknown = mapping[key]
    if (!Array.isArray(value)) return []
    const texts: readonly string[] = value.flatMap(item => asText(item) ?? [])
    return [[key, texts] as const]
  })
  return Object.fromEntries(entries) as Partial<Record<K, readonly string[]>>
}

function secretOf(mapping: Mapping): { readonly passphrase?: Secret<string> } {
  const passphrase = asText(mapping['passphrase'])
  return passphrase === undefined ? {} : { passphrase: new Secret(passphrase) }
}

/** One item of the list; undefined where it cannot be read, of which the schema has said why. */
export function authenticationOf(item: unknown): Authentication | undefined {
  if (item === 'kerberos') return { kind: 'kerberos', kdc: [] }
  const mapping = asMapping(item) ?? {}
  if ('preSharedKey' in mapping) return preSharedKeyOf(mapping['preSharedKey'])
  if ('kerberos' in mapping) {
    return kerberosOf(asMapping(mapping['kerberos']) ?? {})
  }
  const publicKeys = asMapping(mapping['publicKey'])
  if (publicKeys !== undefined) return publicKeyOf(publicKeys)
  const certificates = asMapping(mapping['certificate'])
  return certificates === undefined ? undefined : certificateOf(certificates)
}

function kerberosOf(mapping: Mapping): Authentication {
  const texts = listsOf(mapping, 'kdc').kdc ?? []
  const kdc = texts.flatMap(host => {
    const read = readHost(host)
    return read.ok ? [read.value] : []
  })
  return {
    kind: 'kerberos',
    kdc,
    ...textsOf(mapping, 'keytab', 'principal', 'service', 'realm'),
    ...listsOf(mapping, 'peer'),
  }
}

function preSharedKeyOf(written: unknown): Authentication | undefined {
  const mapping = asMapping(written) ?? {}
  const secret = asText(written) ?? asText(mapping['secret'])
  if (secret === undefined) return undefined
  const rest = { ...textsOf(mapping, 'identity'), ...listsOf(mapping, 'peer') }
  return { kind: 'preSharedKey', secret: new Secret(secret), ...rest }
}

function publicKeyOf(mapping: Mapping): Authentication | undefined {
  const { key, identity } = textsOf(mapping, 'key', 'identity')
  const { peerKeys, peer } = listsOf(mapping, 'peerKeys', 'peer')
  if (key === undefined || peerKeys === undefined) return undefined
  return {
    kind: 'publicKey',
    key,
    ...secretOf(mapping),
    ...(identity === undefined ? {} : { identity }),
    peerKeys,
    ...(peer === undefined ? {} : { peer }),
  }
}

function certificateOf(mapping: Mapping): Authentication {
  const revocation = revocations.find(word => word === mapping['revocation'])
  const written: unknown = mapping['accounts']
  const accounts = (Array.isArray(written) ? written : []).flatMap(item => accountOf(asMapping(item) ?? {}) ?? [])
  return {
    kind: 'certificate',
    ...textsOf(mapping, 'ca', 'own', 'key', 'ocsp', 'identity', 'extendedKeyUsage'),
    ...secretOf(mapping),
    ...listsOf(mapping, 'crls', 'peer'),
    ...(revocation === undefined ? {} : { revocation }),
    ...(accounts.length === 0 ? {} : { accounts }),
  }
}

function accountOf(mapping: Mapping): AccountMapping | undefined {
  const { account, ...rest } = textsOf(mapping, 'subject', 'issuer', 'upn', 'account')
  return account === undefined ? undefined : { ...rest, account }
}
