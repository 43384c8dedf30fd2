// The shape of `ike:` of a policy and of what its rules say about keys, and what it means once it is readable.
import { z } from 'zod'
import { Secret } from '../base/secret.ts'
import { defaultIkeSecurity, groups, keyExchangeOf } from './ike-offers.ts'
import type { IkeSettings, KeyLifetime, PostQuantumKey } from './model.ts'
import { expanded, ikeSecurityNamesOf } from './offer-words.ts'
import { flag, listOf, nonEmpty, secretText, text, wholeNumber } from './schema-parts.ts'

export const DEFAULT_KEY_SECONDS = 3600
export const DEFAULT_IKE_SECONDS = 28_800
export const DEFAULT_LIVENESS_SECONDS = 30
export const DEFAULT_SILENCE_SECONDS = 3

/** Shorter ones would renew keys all the time; longer ones are a mistake. */
const seconds = wholeNumber('seconds', 10, 31_536_000)

/** A session is offered in proposals with numbers of one octet (RFC 7296 §3.3.1). */
const MOST_METHODS = 100

const ikeMethod = text('the name of a method of IKE', ikeSecurityNamesOf).meta({
  pattern: '^[a-z0-9]+(-[a-z0-9]+){1,3}(\\+[a-z0-9]+)*$',
  examples: [...defaultIkeSecurity],
})

const ikeLifetime = z.strictObject(
  { seconds: seconds.meta({ description: 'After so long the keys of IKE are renewed.' }) },
  { error: 'a mapping with seconds' },
)

const postQuantumKey = z.strictObject(
  {
    identity: text('the name of the key', nonEmpty).meta({ description: 'The name that both hosts have for the key.' }),
    secret: secretText('A secret that both hosts have, of at least 32 random characters.'),
    required: flag('A peer without it is refused.', true),
  },
  { error: 'a mapping with identity and secret' },
)

const SILENCE = 'seconds: 0.5 to 60'
const silence = z.number({ error: SILENCE }).min(0.5, { error: SILENCE }).max(60, { error: SILENCE })

export const ike = z.strictObject(
  {
    security: listOf(ikeMethod, 'a list of methods of IKE')
      .max(MOST_METHODS, { error: `a list of at most ${MOST_METHODS} methods of IKE` })
      .optional()
      .meta({
        description:
          'What IKE itself is protected with, the preferred first. windows-2000, windows-server-2003, windows-vista and windows-7 stand for what that Windows agrees on in IKEv1.',
        default: [...defaultIkeSecurity],
      }),
    lifetime: ikeLifetime
      .optional()
      .meta({ description: "How long IKE's own keys are used.", default: { seconds: DEFAULT_IKE_SECONDS } }),
    liveness: wholeNumber('seconds', 0, 86_400).optional().meta({
      description: 'After so many seconds without a word the peer is asked whether it is there; 0: never.',
      default: DEFAULT_LIVENESS_SECONDS,
    }),
    childless: flag('The IKE session is made first, without keys for packets (RFC 6023).', false),
    masterPfs: flag('IKEv1: every quick mode has a main mode of its own (master key perfect forward secrecy).', false),
    silence: silence.optional().meta({
      description:
        'IKEv1: after so many seconds without an answer a rule with fallBackToClear lets packets go in clear.',
      default: DEFAULT_SILENCE_SECONDS,
    }),
    ppk: postQuantumKey.optional().meta({
      description: 'A key agreed on beforehand and mixed in, against quantum computers (RFC 8784).',
    }),
  },
  { error: 'a mapping with security, lifetime, liveness, childless, masterPfs, silence and ppk' },
)

export const keyLifetime = z
  .strictObject(
    {
      seconds: seconds.optional().meta({ description: 'After so long.', default: DEFAULT_KEY_SECONDS }),
      kilobytes: wholeNumber('kilobytes', 1024, 2 ** 40)
        .optional()
        .meta({ description: 'After so many units of 1024 octets; left out, no limit but that of the method.' }),
    },
    { error: 'a mapping with seconds and kilobytes' },
  )
  .meta({ description: 'When the keys of packets are renewed, whichever comes first. Only with negotiate.' })

export const keyExchange = text('the name of a key exchange', keyExchangeOf).meta({
  description: 'Which one makes fresh keys; left out, that of the IKE session. Only with freshKeys.',
  examples: [...groups.keys()],
})

/** The known keys of each mapping, by its place. */
export const ikeKeysAt: readonly (readonly [place: string, keys: readonly string[]])[] = [
  ['ike', Object.keys(ike.shape)],
  ['ike.lifetime', Object.keys(ikeLifetime.shape)],
  ['ike.ppk', Object.keys(postQuantumKey.shape)],
  ['rules.lifetime', Object.keys(keyLifetime.shape)],
]

type Mapping = Readonly<Record<string, unknown>>

function asMapping(value: unknown): Mapping | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Mapping) : undefined
}

function numberOf<K extends string>(mapping: Mapping | undefined, key: K): Readonly<Partial<Record<K, number>>> {
  const value = mapping?.[key]
  const entries = typeof value === 'number' ? [[key, value] as const] : []
  return Object.fromEntries(entries) as Partial<Record<K, number>>
}

/** Of what is not readable the schema has said why. */
export function ikeSettingsOf(written: unknown): IkeSettings | undefined {
  const mapping = asMapping(written)
  if (mapping === undefined) return undefined
  const names: unknown = mapping['security']
  const security = Array.isArray(names) ? names.filter(name => typeof name === 'string') : undefined
  const lifetime = numberOf(asMapping(mapping['lifetime']), 'seconds')
  const ppk = postQuantumKeyOf(asMapping(mapping['ppk']))
  return {
    ...(security === undefined ? {} : { security: expanded(security, ikeSecurityNamesOf) }),
    ...(lifetime.seconds === undefined ? {} : { lifetime: { seconds: lifetime.seconds } }),
    ...numberOf(mapping, 'liveness'),
    ...(typeof mapping['childless'] === 'boolean' ? { childless: mapping['childless'] } : {}),
    ...(typeof mapping['masterPfs'] === 'boolean' ? { masterPfs: mapping['masterPfs'] } : {}),
    ...numberOf(mapping, 'silence'),
    ...(ppk === undefined ? {} : { ppk }),
  }
}

function postQuantumKeyOf(mapping: Mapping | undefined): PostQuantumKey | undefined {
  const [identity, secret] = [mapping?.['identity'], mapping?.['secret']]
  if (typeof identity !== 'string' || typeof secret !== 'string') return undefined
  return { identity, secret: new Secret(secret), required: mapping?.['required'] !== false }
}

export function keyLifetimeOf(written: unknown): KeyLifetime | undefined {
  const mapping = asMapping(written)
  return mapping === undefined ? undefined : { ...numberOf(mapping, 'seconds'), ...numberOf(mapping, 'kilobytes') }
}
