// Words that stand for what a version of Windows can agree on in IKEv1, in `ike: security:` and in a rule's `security:`.
// Policies keep the names that a word stands for, so lint and everybody else judge each. In front stands the strongest that
// such a Windows can be set to, behind it what it offers when nobody set anything; what encrypts comes before what does not.
import { failure, nearest, type Result, success } from '../base/result.ts'
import { ikeOfferOf } from './ike-offers.ts'
import { offerOf } from './offers.ts'
import type { Fault } from './policy-cells.ts'

export interface OfferWord {
  readonly name: string
  /** For `ike: security:`. */
  readonly ike: readonly string[]
  /** For a rule's `security:`. */
  readonly security: readonly string[]
  /** Whether such a Windows speaks IKEv2 as well. */
  readonly speaksIkev2: boolean
}

/** Group 1 is what a Windows 2000 without its High Encryption Pack is left with, together with DES. */
const ike2000 = ['3des-sha1-modp1024', '3des-md5-modp1024', 'des-sha1-modp768', 'des-md5-modp768']
const packets2000 = ['esp-3des-sha1', 'esp-3des-md5', 'esp-des-sha1', 'esp-des-md5', 'ah-sha1', 'ah-md5']
const ikeVista = ['aes128-sha1-modp1024', '3des-sha1-modp1024']
const packetsVista = ['esp-aes256-sha1', 'esp-aes128-sha1', 'esp-3des-sha1', 'esp-null-sha1', 'ah-sha1']

export const offerWords: readonly OfferWord[] = [
  { name: 'windows-2000', ike: ike2000, security: packets2000, speaksIkev2: false },
  {
    name: 'windows-server-2003',
    ike: ['3des-sha1-modp2048', ...ike2000],
    security: packets2000,
    speaksIkev2: false,
  },
  {
    name: 'windows-vista',
    ike: ['aes256-sha1-ecp384', 'aes128-sha1-ecp256', 'aes256-sha1-modp2048', 'aes128-sha1-modp2048', ...ikeVista],
    security: packetsVista,
    speaksIkev2: false,
  },
  {
    name: 'windows-7',
    ike: [
      'aes256-sha384-ecp384',
      'aes128-sha256-ecp256',
      'aes256-sha256-modp2048',
      'aes128-sha256-modp2048',
      ...ikeVista,
    ],
    security: ['esp-aes256gcm16', 'esp-aes128gcm16', ...packetsVista],
    speaksIkev2: true,
  },
]

export const offerWordNames: readonly string[] = offerWords.map(({ name }) => name)

function wordNamed(name: string): OfferWord | undefined {
  return offerWords.find(word => word.name === name)
}

function misspelt(name: string): Result<readonly string[], Fault> | undefined {
  if (!name.startsWith('windows')) return undefined
  const near = nearest(name, offerWordNames)
  const hint = near === undefined ? `known: ${offerWordNames.join(', ')}` : `did you mean ${near}?`
  return failure({ what: `${JSON.stringify(name.slice(0, 60))} stands for no version of Windows`, hint })
}

/** The names of policy/offers.ts that an entry of a rule's `security:` stands for, or what is wrong with it. */
export function securityNamesOf(entry: string): Result<readonly string[], Fault> {
  const word = wordNamed(entry)
  if (word !== undefined) return success(word.security)
  const offer = offerOf(entry)
  return offer.ok ? success([entry]) : (misspelt(entry) ?? offer)
}

/** The names of policy/ike-offers.ts that an entry of `ike: security:` stands for, or what is wrong with it. */
export function ikeSecurityNamesOf(entry: string): Result<readonly string[], Fault> {
  const word = wordNamed(entry)
  if (word !== undefined) return success(word.ike)
  const offer = ikeOfferOf(entry)
  return offer.ok ? success([entry]) : (misspelt(entry) ?? offer)
}

/** Words replaced by what they stand for, each name once, where it stands first. What is not readable stays as it is. */
export function expanded(
  entries: readonly string[],
  namesOf: (entry: string) => Result<readonly string[], Fault>,
): readonly string[] {
  return [
    ...new Set(
      entries.flatMap(entry => {
        const names = namesOf(entry)
        return names.ok ? names.value : [entry]
      }),
    ),
  ]
}

/** Whether only IKEv1 is spoken by everything that the entries stand for. */
export function areOfIkev1(entries: readonly string[]): boolean {
  return entries.length > 0 && entries.every(entry => wordNamed(entry)?.speaksIkev2 === false)
}
