// The shape of a policy file, key by key: readPolicyText checks against it, docs/policy.schema.json is printed from it.
// The error text of each part says what is expected there. What needs two keys at once (ports with a protocol, options
// of a permit rule) is in policy-text.ts.
import { z } from 'zod'
import { authentication, authenticationKeysAt } from './authentication-schema.ts'
import { ike, ikeKeysAt, keyExchange, keyLifetime } from './ike-schema.ts'
import type { EspForm, FilterAction, KeyingVersion, ProfileName, Role } from './model.ts'
import { offerWordNames, securityNamesOf } from './offer-words.ts'
import { offerNames } from './offers.ts'
import { type Cell, readAddressSpec, readHost, readNetwork, readPorts, readProtocol } from './policy-cells.ts'
import { manualKeyNames, manualKeys } from './policy-keys.ts'
import { profileNames, profiles } from './profiles.ts'
import { flag, listOf, oneOf, reads, text } from './schema-parts.ts'

export const actions: readonly FilterAction[] = ['permit', 'block', 'negotiate']
export const modes = ['transport', 'tunnel'] as const
export const keyingVersions: readonly KeyingVersion[] = ['ikev2', 'ikev1']
export const espForms: readonly EspForm[] = ['auto', 'udp', 'raw']
export const roles: readonly Role[] = ['domain-controller', 'member-server', 'workstation']
/** Names of the bits of IPsecExempt, from the lowest ([MS-GPFAS] §2.2.1.5). */
export const ipsecExemptBits = ['neighbour-discovery', 'icmp', 'router-discovery', 'dhcp'] as const

/** What a number or list stands for as IPsecExempt's mask; as it is where it is no list. */
export function maskOf(written: unknown): unknown {
  if (!Array.isArray(written)) return written
  return ipsecExemptBits.reduce((mask, name, bit) => (written.includes(name) ? mask | (1 << bit) : mask), 0)
}

/** Control and direction characters in a name could forge what a terminal shows. */
const label = (description: string) =>
  text('text', value => {
    if (value.trim() === '')
      return { ok: false, error: { what: 'it is empty', hint: 'write a name, or leave the key out' } }
    if (value.length > 200)
      return { ok: false, error: { what: 'it is longer than 200 characters', hint: 'shorten it' } }
    if (!/\p{C}/u.test(value)) return { ok: true, value }
    return {
      ok: false,
      error: { what: 'it holds characters that cannot be seen', hint: 'write plain text on one line' },
    }
  })
    .optional()
    .meta({ description })

const address = text('an address, a prefix, a range, me or any', readAddressSpec)

const side = (description: string) =>
  z
    .union([address, listOf(address, 'an address, a prefix, a range, me or any, or a list of them')], {
      error: 'an address, a prefix, a range, me or any, or a list of them',
    })
    .meta({ description, examples: ['me', 'any', '10.54.0.1', '10.54.0.0/16', '10.54.0.1-10.54.0.9', 'fd00::/8'] })

const textOrNumber = (expected: string, reader: (value: string | number) => Cell<unknown>) =>
  reads(z.union([z.string(), z.number()], { error: expected }), reader)

const ports = (description: string) =>
  textOrNumber('a port or a range of ports', readPorts)
    .optional()
    .meta({ description, examples: [445, '1000-2000', 'any'] })

const filter = z.strictObject(
  {
    source: side('Where a packet comes from; a list stands for a filter each.'),
    destination: side('Where a packet goes; a list stands for a filter each.'),
    mirrored: flag('The filter also matches packets with source and destination exchanged.', true),
    protocol: textOrNumber('the name or the number of a protocol, or any', readProtocol)
      .optional()
      .meta({ description: 'IP protocol; left out, any.', examples: ['tcp', 'udp', 'icmp', 47, 'any'] }),
    sourcePort: ports('Only with protocol tcp or udp; left out, any.'),
    destinationPort: ports('Only with protocol tcp or udp; left out, any.'),
  },
  { error: 'a filter: a mapping with source and destination' },
)

const method = text('the name of a security method', securityNamesOf).meta({
  anyOf: [
    { enum: [...offerNames] },
    { enum: [...offerWordNames] },
    { pattern: '^(ah-[a-z0-9]+\\+esp-[a-z0-9-]+|esp-[a-z0-9-]+\\+ah-[a-z0-9]+)$' },
  ],
})

const rule = z.strictObject(
  {
    name: label('Unique in its policy; left out, "rule" and its number.'),
    description: label('For people; changes nothing.'),
    filters: listOf(filter, 'a list of at least one filter').meta({ description: 'Which packets the rule is for.' }),
    action: oneOf(actions).meta({
      description: 'permit: pass in clear. block: drop. negotiate: only protected by IPsec.',
    }),
    active: flag('An inactive rule is kept but does nothing.', true),
    mode: oneOf(modes).optional().meta({ description: 'Only with negotiate.', default: 'transport' }),
    tunnelEndpoint: text('an address', readHost)
      .optional()
      .meta({ description: 'The far end of the tunnel: needed with mode tunnel, and only there.' }),
    security: listOf(method, 'a list of security methods')
      .optional()
      .meta({
        description:
          'The preferred first. Only with negotiate. windows-2000, windows-server-2003, windows-vista and windows-7 stand for what that Windows agrees on in IKEv1.',
        default: ['esp-aes256gcm16', 'esp-aes128gcm16'],
      }),
    keying: listOf(oneOf(keyingVersions), 'a list of ikev2 and ikev1')
      .optional()
      .meta({
        description:
          'The preferred first. Only with negotiate. Left out, ikev1 where only that can do what the rule asks for (Kerberos, AH with ESP, windows-2000 to windows-vista).',
        default: ['ikev2'],
      }),
    authentication: listOf(authentication, 'a list of ways to authenticate')
      .optional()
      .meta({ description: 'The preferred first. Only with negotiate.' }),
    acceptUnsecuredInbound: flag('Accept unsecured communication, but always respond using IPsec.', false),
    fallBackToClear: flag('Allow unsecured communication with a host that does not answer IKE.', false),
    freshKeys: flag('A fresh key exchange for every association (perfect forward secrecy).', false),
    keyExchange: keyExchange.optional(),
    lifetime: keyLifetime.optional(),
    encapsulation: oneOf(espForms).optional().meta({
      description:
        'What ESP stands in. udp: always in UDP port 4500. raw: in UDP only where a NAT is on the way. auto: the same, with room for either. Only with negotiate.',
      default: 'auto',
    }),
  },
  { error: 'a rule: a mapping with filters and action' },
)

const policy = z
  .strictObject(
    {
      $schema: z.string({ error: 'the address of a JSON Schema' }).optional(),
      name: label('Left out, the name of the file.'),
      description: label('For people; changes nothing.'),
      profile: oneOf(profileNames)
        .optional()
        .meta({
          description: `Whose default exemptions apply. ${[...profiles.values()].map(p => `${p.name}: ${p.title}.`).join(' ')}`,
          default: 'strict' satisfies ProfileName,
        }),
      noDefaultExempt: z.unknown().optional().meta({
        type: 'integer',
        minimum: 0,
        maximum: 3,
        description:
          'The registry value NoDefaultExempt: 1 filters Kerberos and RSVP, 2 multicast and broadcast, 3 both.',
      }),
      ipsecExempt: z
        .unknown()
        .optional()
        .meta({
          anyOf: [
            { type: 'integer', minimum: 0, maximum: 15 },
            { type: 'array', items: { enum: [...ipsecExemptBits] } },
          ],
          description:
            'The registry value IPsecExempt of Windows Vista and later: what is exempt, as a mask or as names.',
        }),
      defaultResponse: flag('Answer a peer that asks for IPsec where no filter matches.', false),
      role: oneOf(roles).optional().meta({ description: 'What the machine is in its domain; lint asks.' }),
      networks: z
        .array(text('a network', readNetwork), { error: 'a list of networks' })
        .optional()
        .meta({
          description: 'Networks the host is on: their broadcast addresses are known by them.',
          examples: [['10.54.0.0/24']],
        }),
      rules: z
        .array(rule, { error: 'a list of rules' })
        .meta({ description: 'Their order means nothing: the most specific filter counts.' }),
      ike: ike.optional().meta({ description: 'How IKE itself runs, for every rule.' }),
      keys: manualKeys.optional().meta({ description: 'Keys that are not agreed on, one entry for each direction.' }),
      test: flag('Nothing here has to stay secret: keys may be for methods that count packets.', false),
    },
    { error: 'a policy: a mapping with name, profile and rules' },
  )
  .meta({ title: 'sealwire policy', description: 'Which traffic of a host is permitted, blocked or secured.' })

export const policySchema = policy

/** The known keys of each mapping, by its place without the numbers of lists. */
export const keysAt: ReadonlyMap<string, readonly string[]> = new Map([
  ['', Object.keys(policy.shape)],
  ['rules', Object.keys(rule.shape)],
  ['keys', manualKeyNames],
  ['rules.filters', Object.keys(filter.shape)],
  ...authenticationKeysAt.map(([place, keys]) => [`rules.authentication${place}`, keys] as const),
  ...ikeKeysAt,
])

/** JSON Schema 2020-12 for editors. What needs two keys at once it cannot say; `sealwire policy check` does. */
export function policyJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(policy, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>
}
