// What Kerberos adds to a main mode (draft-ietf-ipsec-isakmp-gss-auth, as Windows and racoon speak it): the name that each
// side gives in the GSS attribute of its transform, whom a ticket is asked for, and what HASH_I and HASH_R cover beside the
// rest. Tokens go in payloads of type 129; the hash is wrapped by the GSS context before it goes into its payload.
import { type Address, formatAddress } from '../../base/address.ts'
import { failure, type Result, success } from '../../base/result.ts'
import { type PayloadV1, payloadV1 } from '../../wire/ike/v1-payloads.ts'
import type { KerberosCredential } from '../credentials.ts'
import { isMachine, isSamePrincipal, realmOf } from '../principal.ts'

/** Octets of a name on the wire: a principal is far shorter, and each session keeps it. */
const LONGEST_NAME = 1024

/** UTF-16LE, as Windows has it. */
export function writeGssName(name: string): Uint8Array {
  const bytes = new Uint8Array(2 * name.length)
  const view = new DataView(bytes.buffer)
  for (let at = 0; at < name.length; at++) view.setUint16(2 * at, name.charCodeAt(at), true)
  return bytes
}

/** UTF-16LE, or the one octet a character of older racoons; undefined for what is no name. A last zero is passed over. */
export function readGssName(bytes: Uint8Array): string | undefined {
  if (bytes.length === 0 || bytes.length > LONGEST_NAME) return undefined
  // A principal begins with a character of ASCII, whose second octet is zero.
  const isWide = bytes.length % 2 === 0 && bytes[1] === 0
  let name = ''
  for (let at = 0; at < bytes.length; at += isWide ? 2 : 1) {
    name += String.fromCharCode(isWide ? bytes[at]! | (bytes[at + 1]! << 8) : bytes[at]!)
  }
  const text = name.endsWith('\0') ? name.slice(0, -1) : name
  // Control characters and single surrogates would reach a log, and C's end of text the system's library.
  return text !== '' && text.isWellFormed() && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text) ? text : undefined
}

/** What this host says in its transforms; without a principal the peer has to know by its policy. */
export function ownGssName({ principal }: KerberosCredential): Uint8Array | undefined {
  return principal === undefined ? undefined : writeGssName(principal)
}

/**
 * Whom to ask a ticket for: who the peer says it is, or the one that the policy names, or the service at its address. What the
 * peer says is proved by nobody yet; where the policy names peers, nobody else gets as far as a ticket.
 */
export function ticketTarget(
  credential: KerberosCredential,
  told: string | undefined,
  peer: Address,
): Result<string, string> {
  const { principals, service = 'host' } = credential
  const only = principals?.length === 1 ? principals[0] : undefined
  const target = withRealm(told ?? only ?? `${service}/${formatAddress(peer)}`, credential)
  if (told === undefined) return success(target)
  const names = [target, ...machineOf(target)]
  const wanted = names.find(name => principals?.some(one => isSamePrincipal(one, name)))
  if (wanted !== undefined) return success(wanted)
  if (principals === undefined) {
    const machine = names.findLast(name => isMachine(name, service))
    if (machine !== undefined) return success(machine)
    // A ticket is made with its service's key: whoever it is sent to can guess at leisure at one that comes from a password.
    return failure(
      `${formatAddress(peer)} calls itself ${told}, which is no machine's name, and the rule names no peers`,
    )
  }
  const others = principals.slice(0, 5).join(', ')
  return failure(`${formatAddress(peer)} calls itself ${told}, which is not among the peers of the rule: ${others}`)
}

/** Windows calls itself `dc1@CORP.TEST`; its account, for which the ticket is, has a dollar sign more. */
function machineOf(principal: string): readonly string[] {
  const [, name, realm] = /^([^/@\\]*[^/@\\$])(@[^@]*)?$/.exec(principal) ?? []
  return name === undefined ? [] : [`${name}$${realm ?? ''}`]
}

/** In the realm of the credential, where the name has none of its own: `host/dc1@CORP.TEST` for `host/dc1`. */
export function withRealm(name: string, { realm, principal = '' }: KerberosCredential): string {
  const own = realm ?? realmOf(principal)
  return realmOf(name) !== undefined || own === undefined ? name : `${name}@${own}`
}

/**
 * How the names of the two stand in the hashes, where both told one: as the attribute has them (the draft), as text (racoon),
 * or not at all. A peer's proof is good in any of them, since its name stands in the SA payload or its tokens too; who answers
 * does as the peer did.
 */
export const nameForms = ['attribute', 'text', 'left-out'] as const
export type NameForm = (typeof nameForms)[number]

/** What differs between those who speak the draft. */
export interface KerberosDialect {
  readonly form: NameForm
  /** In front of a token. */
  readonly vendor?: number
}

/** Of an initiator, by what the peer says that it is; nobody but racoon is known to have another than Windows's. */
export function dialectFor(isWindows: boolean): KerberosDialect {
  return isWindows ? { form: 'attribute', vendor: 0 } : { form: 'text' }
}

export function gssPayload(token: Uint8Array, { vendor }: KerberosDialect): PayloadV1 {
  return payloadV1('gss-token', vendor === undefined ? { token } : { vendor, token })
}

export interface KerberosProof {
  /** Of the side that proves, as they stood in the transforms; undefined where one of the two told none. */
  readonly name: Uint8Array | undefined
  /** Of the side that proves, in the order in which they were sent. */
  readonly tokens: readonly Uint8Array[]
}

/** What stands behind the identity in HASH_I or HASH_R: for `more` of MainModeParts. */
export function proofBehind({ name, tokens }: KerberosProof, form: NameForm): readonly Uint8Array[] {
  if (name === undefined || form === 'left-out') return tokens
  if (form === 'attribute') return [name, ...tokens]
  const text = readGssName(name) ?? ''
  return [Uint8Array.from(text, character => character.charCodeAt(0) & 0xff), ...tokens]
}
