// Which payloads a message of which exchange may have, how often, and whether encrypted: a table to check against the RFCs,
// and the function that holds a message against it. It says what is so and decides nothing. Each exchange and direction
// has forms; a message is in order where one of them fits.
import { isResponse } from './header.ts'
import type { Message } from './message.ts'
import { notifyStatuses } from './notify-numbers.ts'
import { exchangeTypes, payloadTypes } from './numbers.ts'
import { isEncrypted } from './payload-chain.ts'
import { type Payload, payloadType } from './v2-payloads.ts'

/** `1` exactly one, `?` one at most, `*` any number, `+` one at least. */
export type HowOften = '1' | '?' | '*' | '+'
type ExchangeName = keyof typeof exchangeTypes.of
type PayloadName = keyof typeof payloadTypes.of

export interface Form {
  readonly exchange: ExchangeName
  readonly direction: 'request' | 'response'
  /** What this form is for, in words. */
  readonly name: string
  /** Payloads in clear, and inside an encrypted payload; `undefined` where there is none. */
  readonly clear: readonly string[]
  readonly encrypted: readonly string[] | undefined
  readonly source: string
}

// Notifications, vendor IDs and unknown payloads that are not critical may stand anywhere (RFC 7296 §3.10, §3.12, §2.5),
// so that no form lists V; N is listed where it has to be there.
const AUTHENTICATION = ['IDi', 'CERT*', 'CERTREQ*', 'IDr?', 'CP?', 'N*']
const CHILD = ['SA', 'TSi', 'TSr']

export const exchangeForms: readonly Form[] = [
  form(
    'IKE_SA_INIT',
    'request',
    'begins',
    ['SA', 'KE', 'Nonce', 'PS?', 'N*'],
    undefined,
    'RFC 7296 §1.2, RFC 8019 §7.1',
  ),
  form('IKE_SA_INIT', 'response', 'agrees', ['SA', 'KE', 'Nonce', 'CERTREQ*', 'N*'], undefined, 'RFC 7296 §1.2'),
  form('IKE_SA_INIT', 'response', 'asks again or refuses', ['N+'], undefined, 'RFC 7296 §2.6, §2.7, §2.21.1'),

  form('IKE_INTERMEDIATE', 'request', 'one key exchange more, or something else', [], ['KE?', 'N*'], 'RFC 9242 §3.2'),
  form('IKE_INTERMEDIATE', 'response', 'answers', [], ['KE?', 'N*'], 'RFC 9242 §3.2'),

  form('IKE_AUTH', 'request', 'proves', ['PS?'], [...AUTHENTICATION, 'AUTH', ...CHILD], 'RFC 7296 §1.2, RFC 8019 §7.2'),
  form('IKE_AUTH', 'request', 'proves, childless', ['PS?'], [...AUTHENTICATION, 'AUTH'], 'RFC 6023 §4'),
  form('IKE_AUTH', 'request', 'begins EAP', ['PS?'], [...AUTHENTICATION, ...CHILD], 'RFC 7296 §2.16'),
  form('IKE_AUTH', 'request', 'begins EAP, childless', ['PS?'], AUTHENTICATION, 'RFC 6023 §4'),
  form('IKE_AUTH', 'request', 'goes on with EAP', [], ['EAP', 'N*'], 'RFC 7296 §2.16'),
  form('IKE_AUTH', 'request', 'proves after EAP', [], ['AUTH', 'N*'], 'RFC 7296 §2.16'),
  form('IKE_AUTH', 'response', 'proves', [], ['IDr', 'CERT*', 'AUTH', 'CP?', 'N*', ...CHILD], 'RFC 7296 §1.2'),
  form(
    'IKE_AUTH',
    'response',
    'proves, no Child SA',
    [],
    ['IDr', 'CERT*', 'AUTH', 'CP?', 'N*'],
    'RFC 7296 §1.2, RFC 6023 §4',
  ),
  form('IKE_AUTH', 'response', 'begins EAP', [], ['IDr', 'CERT*', 'AUTH?', 'EAP', 'N*'], 'RFC 7296 §2.16, RFC 5998 §4'),
  form('IKE_AUTH', 'response', 'goes on with EAP', [], ['EAP', 'N*'], 'RFC 7296 §2.16'),
  form('IKE_AUTH', 'response', 'proves after EAP', [], ['AUTH', 'CP?', 'N*', ...CHILD], 'RFC 7296 §2.16'),
  form(
    'IKE_AUTH',
    'response',
    'proves after EAP, no Child SA',
    [],
    ['AUTH', 'CP?', 'N*'],
    'RFC 7296 §2.16, RFC 6023 §4',
  ),
  form('IKE_AUTH', 'response', 'refuses', [], ['N+'], 'RFC 7296 §2.21.2'),

  form(
    'CREATE_CHILD_SA',
    'request',
    'makes or rekeys a Child SA',
    [],
    ['SA', 'Nonce', 'KE?', 'TSi', 'TSr', 'CP?', 'N*'],
    'RFC 7296 §1.3.1, §1.3.3',
  ),
  form('CREATE_CHILD_SA', 'request', 'rekeys the IKE SA', [], ['SA', 'Nonce', 'KE', 'N*'], 'RFC 7296 §1.3.2'),
  form(
    'CREATE_CHILD_SA',
    'response',
    'agrees on a Child SA',
    [],
    ['SA', 'Nonce', 'KE?', 'TSi', 'TSr', 'CP?', 'N*'],
    'RFC 7296 §1.3.1, §1.3.3',
  ),
  form('CREATE_CHILD_SA', 'response', 'agrees on an IKE SA', [], ['SA', 'Nonce', 'KE', 'N*'], 'RFC 7296 §1.3.2'),
  form('CREATE_CHILD_SA', 'response', 'refuses', [], ['N+'], 'RFC 7296 §1.3'),

  form('IKE_FOLLOWUP_KE', 'request', 'one key exchange more', [], ['KE', 'N+'], 'RFC 9370 §2.2.4'),
  form('IKE_FOLLOWUP_KE', 'response', 'answers', [], ['KE', 'N*'], 'RFC 9370 §2.2.4'),
  form('IKE_FOLLOWUP_KE', 'response', 'refuses', [], ['N+'], 'RFC 9370 §2.2.4'),

  form('INFORMATIONAL', 'request', 'tells, deletes or asks', [], ['N*', 'D*', 'CP?'], 'RFC 7296 §1.4'),
  form('INFORMATIONAL', 'response', 'answers', [], ['N*', 'D*', 'CP?'], 'RFC 7296 §1.4'),
  form('INFORMATIONAL', 'request', 'tells of an SPI outside of any SA', ['N'], undefined, 'RFC 7296 §1.5'),
  form('INFORMATIONAL', 'response', 'refuses outside of any SA', ['N'], undefined, 'RFC 7296 §1.5'),
]

function form(
  exchange: ExchangeName,
  direction: Form['direction'],
  name: string,
  clear: readonly string[],
  encrypted: readonly string[] | undefined,
  source: string,
): Form {
  return { exchange, direction, name, clear, encrypted, source }
}

/** Payload type and how often, of a word such as `CERT*`. */
export function readWord(word: string): { readonly type: number; readonly often: HowOften } {
  const mark = /[?*+]$/.exec(word)?.[0] as HowOften | undefined
  const name = mark === undefined ? word : word.slice(0, -1)
  const type = payloadTypes.of[name as PayloadName]
  if (type === undefined) throw new Error(`${name} is no payload type`)
  return { type, often: mark ?? '1' }
}

export type RuleFault =
  | { readonly kind: 'unknown-critical'; readonly type: number }
  | { readonly kind: 'cookie-not-first' }
  | { readonly kind: 'encrypted-inside-encrypted' }
  | { readonly kind: 'unknown-exchange' }
  | { readonly kind: 'no-form-fits'; readonly nearest: Form; readonly why: string }

/**
 * What of a message is not as the RFCs have it; empty where all is. `inside` are the opened payloads of an encrypted
 * message; left out, only what is in clear is looked at. The order of payloads is free (RFC 7296 §2), but for a cookie,
 * which comes first (§2.6), and an encrypted payload, which comes last (§3.14) and cannot be read otherwise.
 */
export function ruleFaults(message: Message, inside?: readonly Payload[]): readonly RuleFault[] {
  const faults: RuleFault[] = []
  const clear = message.payloads.filter(one => !isEncrypted(payloadType(one)))
  const isSealed = clear.length < message.payloads.length
  for (const one of [...clear, ...(inside ?? [])]) {
    if (one.kind === 'unknown' && one.critical) faults.push({ kind: 'unknown-critical', type: one.type })
  }
  if (inside?.some(one => isEncrypted(payloadType(one))) === true) faults.push({ kind: 'encrypted-inside-encrypted' })
  const isRequest = !isResponse(message.header)
  const isCookie = (one: Payload) => one.kind === 'notify' && one.type === notifyStatuses.of.COOKIE
  const isInit = message.header.exchange === exchangeTypes.of.IKE_SA_INIT
  if (isInit && isRequest && clear.slice(1).some(isCookie)) faults.push({ kind: 'cookie-not-first' })
  const fault = formFault(message, clear, isSealed, inside)
  if (fault !== undefined) faults.push(fault)
  return faults
}

function formFault(
  { header }: Message,
  clear: readonly Payload[],
  isSealed: boolean,
  inside: readonly Payload[] | undefined,
): RuleFault | undefined {
  const direction = isResponse(header) ? 'response' : 'request'
  if (!exchangeForms.some(({ exchange }) => exchangeTypes.of[exchange] === header.exchange)) {
    return { kind: 'unknown-exchange' }
  }
  let nearest: { readonly form: Form; readonly faults: readonly string[] } | undefined
  for (const form of exchangeForms) {
    if (exchangeTypes.of[form.exchange] !== header.exchange || form.direction !== direction) continue
    const faults = [...countFaults(form.clear, clear, ' in clear')]
    if (isSealed !== (form.encrypted !== undefined)) faults.push(isSealed ? 'is encrypted' : 'is not encrypted')
    else if (inside !== undefined) faults.push(...countFaults(form.encrypted ?? [], inside, ''))
    if (faults.length === 0) return undefined
    if (nearest === undefined || faults.length < nearest.faults.length) nearest = { form, faults }
  }
  return { kind: 'no-form-fits', nearest: nearest!.form, why: nearest!.faults.join(', ') }
}

function countFaults(words: readonly string[], payloads: readonly Payload[], where: string): readonly string[] {
  const counts = new Map<number, number>()
  for (const one of payloads) counts.set(payloadType(one), (counts.get(payloadType(one)) ?? 0) + 1)
  const faults: string[] = []
  for (const { type, often } of words.map(readWord)) {
    const count = counts.get(type) ?? 0
    counts.delete(type)
    const name = payloadTypes.nameOf(type)
    if (count === 0 && (often === '1' || often === '+')) faults.push(`no ${name}${where}`)
    if (count > 1 && (often === '1' || often === '?')) faults.push(`${count} ${name}${where}`)
  }
  for (const one of new Set(payloads.map(payloadType))) {
    const mayStandAnywhere = one === payloadTypes.of.V || !payloadTypes.has(one)
    if (counts.has(one) && !mayStandAnywhere) faults.push(`${payloadTypes.nameOf(one)}${where}`)
  }
  return faults
}
