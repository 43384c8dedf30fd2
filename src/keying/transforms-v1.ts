// Our suites as attributes of IKEv1 transforms and back (RFC 2409 §A, RFC 2407 §4.4, §4.5). What is agreed on never hangs on
// attributes that we do not know: Windows sends and takes some, and they are passed over ([MS-IKEE]). An attribute that we
// know and that says what we cannot do makes the transform unusable.
import { type Ike1Suite, ike1CipherNumber, ike1CipherOf, ike1HashOf, ike1SuiteOf } from '../crypto/ike1-suites.ts'
import type { Suite } from '../crypto/suites.ts'
import { protocolIdsV1 } from '../wire/ike/v1-numbers.ts'
import {
  type AttributeV1,
  attributeNumber,
  type Lifetimes,
  lifetimeAttributes,
  lifetimesOf,
  numberAttribute,
  type TransformV1,
} from '../wire/ike/v1-security-association.ts'
import {
  ahTransforms,
  authenticationAlgorithms,
  EXTENDED_SEQUENCE,
  encapsulationModes,
  espTransforms,
  ikeAttributes,
  ipsecAttributes,
  isakmpTransforms,
} from '../wire/ike/v1-transform-numbers.ts'

const ike = ikeAttributes.of
const ipsec = ipsecAttributes.of
/** For `lifetimesOf` and `lifetimeAttributes`. */
export const IKE_LIFE = { type: ike['life type'], duration: ike['life duration'] }
export const IPSEC_LIFE = { type: ipsec['life type'], duration: ipsec['life duration'] }

/** What a transform of main mode says. */
export interface MainModeTerms {
  readonly suite: Ike1Suite
  readonly group: number
  readonly authentication: number
  readonly lifetimes: Lifetimes
  /** The sender's name in GSS-API, where the method is Kerberos. */
  readonly gssName?: Uint8Array
}

/** `withAttribute` of the number that the sender of an answer has to put its own name into. */
export const GSS_NAMES = [ike['GSS identity'], ike['GSS identity of Windows 2000']] as const

export function mainModeTransform(number: number, terms: MainModeTerms): TransformV1 {
  const { suite, group, authentication, lifetimes, gssName } = terms
  const { keyLengthAttribute } = suite.cipher
  return {
    number,
    id: isakmpTransforms.of.KEY_IKE,
    attributes: [
      numberAttribute(ike.encryption, ike1CipherNumber(suite.cipher)!),
      ...(keyLengthAttribute === undefined ? [] : [numberAttribute(ike['key length'], keyLengthAttribute)]),
      numberAttribute(ike.hash, suite.hash.number),
      numberAttribute(ike.group, group),
      numberAttribute(ike.authentication, authentication),
      ...lifetimeAttributes(lifetimes, IKE_LIFE),
      ...(gssName === undefined ? [] : [{ kind: 'long' as const, type: ike['GSS identity'], value: gssName }]),
    ],
  }
}

/** undefined where it is none that we can do, or not clear. */
export function mainModeTerms({ id, attributes }: TransformV1): MainModeTerms | undefined {
  if (id !== isakmpTransforms.of.KEY_IKE) return undefined
  const numbers = numbersOf(attributes, [ike.encryption, ike.hash, ike.group, ike.authentication, ike['key length']])
  // A PRF of its own has no number, and a group that is described might be weak.
  const refused = [ike.prf, ike['group prime'], ike['group curve A'], ike['group curve B'], ike['group order']]
  if (numbers === undefined || attributes.some(({ type }) => refused.includes(type))) return undefined
  const [encryption, hashNumber, group, authentication, keyLength] = numbers
  const hash = hashNumber === undefined ? undefined : ike1HashOf(hashNumber)
  const cipher = encryption === undefined ? undefined : ike1CipherOf(encryption, keyLength)
  const suite = hash && cipher && ike1SuiteOf(hash, cipher)
  const lifetimes = lifetimesOf(attributes, IKE_LIFE)
  if (suite === undefined || group === undefined || authentication === undefined || lifetimes === undefined) {
    return undefined
  }
  const gssName = attributes.find(each => each.kind === 'long' && GSS_NAMES.some(type => type === each.type))
  const name = gssName?.kind === 'long' ? { gssName: gssName.value } : {}
  return { suite, group, authentication, lifetimes, ...name }
}

export interface QuickModeTerms {
  /** The algorithms, in a form to compare by: see `suiteMark`. */
  readonly mark: string
  readonly encapsulation: number
  /** 0 where no fresh key exchange is asked for. */
  readonly group: number
  readonly extendedSequence: boolean
  readonly lifetimes: Lifetimes
}

const espIds: Readonly<Partial<Record<string, number>>> = {
  'des-cbc': espTransforms.of.des,
  '3des-cbc': espTransforms.of['3des'],
  null: espTransforms.of.null,
  'aes-cbc': espTransforms.of['aes-cbc'],
  'aes-ctr': espTransforms.of['aes-ctr'],
  'aes-ccm-8': espTransforms.of['aes-ccm-8'],
  'aes-ccm-12': espTransforms.of['aes-ccm-12'],
  'aes-ccm-16': espTransforms.of['aes-ccm-16'],
  'aes-gcm-8': espTransforms.of['aes-gcm-8'],
  'aes-gcm-12': espTransforms.of['aes-gcm-12'],
  'aes-gcm-16': espTransforms.of['aes-gcm-16'],
  'aes-gmac-16': espTransforms.of['null-aes-gmac'],
}

interface IntegrityNumbers {
  /** The attribute "authentication". */
  readonly algorithm: number
  /** The transform of AH. */
  readonly transform: number
}

const integrityNumbers: Readonly<Partial<Record<string, IntegrityNumbers>>> = {
  'hmac-md5': { algorithm: authenticationAlgorithms.of['hmac-md5'], transform: ahTransforms.of.md5 },
  'hmac-sha1': { algorithm: authenticationAlgorithms.of['hmac-sha1'], transform: ahTransforms.of.sha1 },
  'hmac-sha2-256': { algorithm: authenticationAlgorithms.of['hmac-sha256'], transform: ahTransforms.of.sha256 },
  'hmac-sha2-384': { algorithm: authenticationAlgorithms.of['hmac-sha384'], transform: ahTransforms.of.sha384 },
  'hmac-sha2-512': { algorithm: authenticationAlgorithms.of['hmac-sha512'], transform: ahTransforms.of.sha512 },
  'aes-xcbc': { algorithm: authenticationAlgorithms.of['aes-xcbc'], transform: ahTransforms.of['aes-xcbc'] },
  'aes-gmac-16': { algorithm: authenticationAlgorithms.of['aes128-gmac'], transform: ahTransforms.of['aes128-gmac'] },
  'aes-gmac-24': { algorithm: authenticationAlgorithms.of['aes192-gmac'], transform: ahTransforms.of['aes192-gmac'] },
  'aes-gmac-32': { algorithm: authenticationAlgorithms.of['aes256-gmac'], transform: ahTransforms.of['aes256-gmac'] },
}

interface SuiteNumbers {
  readonly id: number
  readonly keyLength: number | undefined
  readonly algorithm: number | undefined
}

/** undefined for what IKEv1 has no numbers for: ChaCha20-Poly1305 and AES-CMAC. */
function suiteNumbers(suite: Suite): SuiteNumbers | undefined {
  const { integrity } = suite
  const word = integrity?.mode === 'gmac' ? `aes-gmac-${integrity.keyBytes}` : (integrity?.name ?? '')
  const numbers = integrityNumbers[word]
  if (integrity !== undefined && numbers === undefined) return undefined
  const algorithm = numbers?.algorithm
  if (suite.protocol === 'ah') return { id: numbers!.transform, keyLength: undefined, algorithm }
  const { name, icvBytes, keyLengthAttribute } = suite.cipher
  const id = espIds[icvBytes === 0 ? name : `${name}-${icvBytes}`]
  return id === undefined ? undefined : { id, keyLength: keyLengthAttribute, algorithm }
}

/** What of a transform's numbers says the algorithms; undefined for what IKEv1 does not have. */
export function suiteMark(suite: Suite): string | undefined {
  const numbers = suiteNumbers(suite)
  return numbers && `${numbers.id}/${numbers.keyLength ?? 0}/${numbers.algorithm ?? 0}`
}

export function quickModeTransform(
  number: number,
  suite: Suite,
  { encapsulation, group, extendedSequence, lifetimes }: Omit<QuickModeTerms, 'mark'>,
): TransformV1 {
  const { id, keyLength, algorithm } = suiteNumbers(suite)!
  return {
    number,
    id,
    attributes: [
      ...lifetimeAttributes(lifetimes, IPSEC_LIFE),
      ...(group === 0 ? [] : [numberAttribute(ipsec.group, group)]),
      numberAttribute(ipsec.mode, encapsulation),
      ...(algorithm === undefined ? [] : [numberAttribute(ipsec.authentication, algorithm)]),
      ...(keyLength === undefined ? [] : [numberAttribute(ipsec['key length'], keyLength)]),
      ...(extendedSequence ? [numberAttribute(ipsec['extended sequence numbers'], EXTENDED_SEQUENCE)] : []),
    ],
  }
}

/** Ciphers of one size, of which a key length says nothing. */
const fixedSize: readonly number[] = [espTransforms.of.des, espTransforms.of['3des'], espTransforms.of.null]

export function quickModeTerms(protocol: number, { id, attributes }: TransformV1): QuickModeTerms | undefined {
  const { mode, group, authentication, 'key length': keyLength, 'extended sequence numbers': esn } = ipsec
  const numbers = numbersOf(attributes, [mode, group, authentication, keyLength, esn])
  const lifetimes = lifetimesOf(attributes, IPSEC_LIFE)
  if (numbers === undefined || lifetimes === undefined) return undefined
  const [encapsulation, fresh, algorithm, bits, sequence] = numbers
  // Without a mode each host would take its own default (RFC 2407 §4.5), and they might not be the same.
  if (encapsulation === undefined || !encapsulationModes.has(encapsulation)) return undefined
  if (sequence !== undefined && sequence !== EXTENDED_SEQUENCE) return undefined
  const isFixed = protocol !== protocolIdsV1.of.ESP || fixedSize.includes(id)
  // AES-CBC without a length has 128 bits (RFC 3602 §5.3); the other modes have to say theirs.
  const length = isFixed ? 0 : (bits ?? (id === espTransforms.of['aes-cbc'] ? 128 : 0))
  return {
    mark: `${id}/${length}/${algorithm ?? 0}`,
    encapsulation,
    group: fresh ?? 0,
    extendedSequence: sequence !== undefined,
    lifetimes,
  }
}

/** The number of each type, where it stands there; undefined where one stands there twice or is no number. */
function numbersOf(attributes: readonly AttributeV1[], types: readonly number[]): (number | undefined)[] | undefined {
  const found: (number | undefined)[] = []
  for (const type of types) {
    const all = attributes.filter(each => each.type === type)
    const number = all[0] === undefined ? undefined : attributeNumber(all[0])
    if (all.length > 1 || (all.length === 1 && number === undefined)) return undefined
    found.push(number)
  }
  return found
}
