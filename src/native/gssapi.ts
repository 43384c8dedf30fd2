// GSS-API (RFC 2743 and RFC 2744) through koffi: MIT Kerberos's libgssapi_krb5, with the krb5 mechanism and nothing else.
// Credentials come from a key table that is named, and tickets stay in memory, so that several principals live in one
// process and no ticket cache of a user is read or written. Handles are C's addresses: each is freed once, by its owner.
// Calls block; the two of an initiator that may wait for a key centre run in threads, and answer promises.
import type { Result } from '../base/result.ts'
import { failure, success } from '../base/result.ts'
import { CallFrame } from './call-frame.ts'
import { type Foreign, foreign } from './foreign.ts'
import type { Address } from './libcrypto.ts'
import { allocateMemory } from './memory.ts'

/** Why a call failed. Peers cause it as easily as people do, so it is a value. */
export interface GssFault {
  /** RFC 2744 §3.9.1. */
  readonly major: number
  /** Of Kerberos's error table: RFC 4120 §7.5.9 up to 127, MIT's own from there; undefined where it is no code of it. */
  readonly code: number | undefined
  /** The system's own words. */
  readonly words: string
  /** Of an acceptor: an error that its peer's library can read (KRB-ERROR). */
  readonly token?: Uint8Array
}

export interface GssStep {
  /** The same until it is freed; of an initiator and of an acceptor. */
  readonly context: Address
  /** For the peer. */
  readonly token: Uint8Array | undefined
  readonly isComplete: boolean
  readonly flags: number
}

export interface CredentialWish {
  /** As Kerberos writes it; left out, an acceptor is any that has a key, an initiator the first of the table. */
  readonly principal?: string
  /** A file. */
  readonly keytab: string
}

export interface Gssapi {
  acquireAcceptor(wish: CredentialWish): Result<Address, GssFault>
  /** Asks the key centre. */
  acquireInitiator(wish: CredentialWish): Promise<Result<Address, GssFault>>
  releaseCredential(credential: Address): void
  /** Asks the key centre; `target` is a principal. The context is 0 where it fails. */
  beginContext(credential: Address, target: string): Promise<Result<GssStep, GssFault>>
  continueContext(credential: Address, context: Address, target: string, token: Uint8Array): Result<GssStep, GssFault>
  /** `context` is 0 for the first token. */
  acceptContext(credential: Address, context: Address, token: Uint8Array): Result<GssStep, GssFault>
  deleteContext(context: Address): void
  /** Of a context that stands: the far end's principal. */
  peerOf(context: Address): Result<string, GssFault>
  /** Encrypted too (conf_req_flag), else a fault. */
  wrap(context: Address, content: Uint8Array): Result<Uint8Array, GssFault>
  /** What was not encrypted is a fault. */
  unwrap(context: Address, content: Uint8Array): Result<Uint8Array, GssFault>
}

/** RFC 2744 Appendix A. */
export const MUTUAL = 2
export const SEQUENCE = 8
export const CONFIDENTIAL = 16
export const INTEGRITY = 32
export const ANONYMOUS = 64
export const WANTED_FLAGS = MUTUAL | SEQUENCE | CONFIDENTIAL | INTEGRITY

export const GSS_LIBRARY = 'libgssapi_krb5.so.2'

/** The routine's error is in the upper half (RFC 2744 §3.9.1). */
const ERRORS = 0xffff0000
const CONTINUE_NEEDED = 1
/** Replayed, too old, out of order or with a gap: what was unwrapped is not what came next. */
const OUT_OF_ORDER = 0x1e
const FAILURE = 0x000d0000
/** 1.2.840.113554.1.2.2, and the name type .1 below it (RFC 1964 §2.1.1). */
const KRB5_MECHANISM = Uint8Array.fromHex('2a864886f712010202')
const PRINCIPAL_NAME = Uint8Array.fromHex('2a864886f71201020201')
const INITIATE = 1
const ACCEPT = 2
const GSS_CODE = 1
const MECHANISM_CODE = 2
/** ERROR_TABLE_BASE_krb5, as com_err numbers tables. */
const TABLE = -1765328384
const WORD = 8
/** What answers a call in its own memory: status, address or buffer, flags. */
const MINOR = 0
const HANDLE = 8
const OUTPUT = 16
const FLAGS = 32
const EXTRA = 40

type Routine = ReturnType<ReturnType<Foreign['load']>['func']>

let loaded: Gssapi | string | undefined

/** The library, or in words why it is not here. */
export function gssapi(): Gssapi | string {
  loaded ??= load()
  return loaded
}

function load(): Gssapi | string {
  const koffi = foreign()
  if (koffi === undefined) return `koffi, which calls C, is not built for ${process.arch} on this system`
  let library: ReturnType<typeof koffi.load>
  try {
    library = koffi.load(GSS_LIBRARY)
  } catch {
    return `${GSS_LIBRARY}, MIT Kerberos's GSS-API, is not installed (Debian: apt-get install libgssapi-krb5-2)`
  }
  const copy = koffi.load(null).func('uintptr_t memcpy(uintptr_t, uintptr_t, size_t)')
  const call = (name: string, kinds: string) => library.func(`uint32 ${name}(${kinds})`)
  const p = (count: number) => Array(count).fill('uintptr_t').join(', ')
  const importName = call('gss_import_name', p(4))
  const displayName = call('gss_display_name', p(4))
  const releaseName = call('gss_release_name', p(2))
  const releaseBuffer = call('gss_release_buffer', p(2))
  const acquireFrom = call('gss_acquire_cred_from', `${p(2)}, uint32, uintptr_t, int, ${p(4)}`)
  const releaseCred = call('gss_release_cred', p(2))
  const initContext = call('gss_init_sec_context', `${p(5)}, uint32, uint32, ${p(6)}`)
  const acceptContext = call('gss_accept_sec_context', p(11))
  const deleteContext = call('gss_delete_sec_context', p(3))
  const inquireContext = call('gss_inquire_context', p(9))
  const wrapMessage = call('gss_wrap', `${p(2)}, int, uint32, ${p(3)}`)
  const unwrapMessage = call('gss_unwrap', p(6))
  const displayStatus = call('gss_display_status', 'uintptr_t, uint32, int, uintptr_t, uintptr_t, uintptr_t')

  /** What C answered in a buffer of its own, which is given back. */
  const takeBuffer = (frame: CallFrame, at = OUTPUT): Uint8Array | undefined => {
    const [length, from] = [frame.number(at), frame.number(at + WORD)]
    if (from === 0) return undefined
    const own = allocateMemory(Math.max(length, 1))
    if (length > 0) copy(own.address, from, length)
    releaseBuffer(frame.at(EXTRA + WORD), frame.at(at))
    return own.bytes.slice(0, length)
  }

  const wordsFor = (status: number, kind: number): readonly string[] => {
    const found: string[] = []
    const frame = new CallFrame(64)
    const mechanism = frame.described(KRB5_MECHANISM)
    do {
      const failed = displayStatus(frame.at(MINOR), status, kind, mechanism, frame.at(HANDLE), frame.at(OUTPUT))
      if (failed !== 0) break
      found.push(new TextDecoder().decode(takeBuffer(frame) ?? new Uint8Array()))
    } while (frame.word(HANDLE) !== 0 && found.length < 4)
    return found
  }

  const faultOf = (major: number, minor: number): GssFault => {
    const code = (minor | 0) - TABLE
    const ofMechanism = minor === 0 ? [] : wordsFor(minor, MECHANISM_CODE)
    // GSS's own sentence for “failure” refers to the other one.
    const general = ofMechanism.length > 0 && (major & ERRORS) === FAILURE ? [] : wordsFor(major, GSS_CODE)
    const words = [...ofMechanism, ...general].map(text => text.replace(/\.?\s*$/, '')).filter(text => text !== '')
    return { major, code: code >= 0 && code < 256 ? code : undefined, words: words.join('; ') }
  }
  /** In one of libuv's threads; words of the failure that the library keeps for that thread are lost, its codes are not. */
  const inThread = (routine: Routine, words: readonly number[]): Promise<number> =>
    new Promise((resolve, reject) => {
      routine.async(...words, (error: unknown, result: number) => {
        if (error === null || error === undefined) resolve(result)
        else reject(error)
      })
    })
  const isError = (major: number) => (major & ERRORS) !== 0
  const faultIn = (major: number, frame: CallFrame) => failure(faultOf(major, frame.word(MINOR)))
  const ownFault = (words: string) => failure({ major: FAILURE, code: undefined, words })

  const named = (principal: string): Result<Address, GssFault> => {
    const text = new TextEncoder().encode(principal)
    const frame = new CallFrame(text.length + 128)
    const words = [frame.at(MINOR), frame.described(text), frame.described(PRINCIPAL_NAME), frame.at(HANDLE)]
    const major = importName(...words) as number
    return isError(major) ? faultIn(major, frame) : success(frame.number(HANDLE))
  }
  const giveBackName = (name: Address): void => {
    const frame = new CallFrame(0)
    frame.put(HANDLE, name)
    if (name !== 0) releaseName(frame.at(MINOR), frame.at(HANDLE))
  }
  const removeContext = (context: Address): void => {
    const frame = new CallFrame(0)
    frame.put(HANDLE, context)
    // Without a token for the peer (RFC 2744 §5.9).
    if (context !== 0) deleteContext(frame.at(MINOR), frame.at(HANDLE), 0)
  }

  /** A context that failed half way is of no use to anybody; C has freed the one of a first call itself. */
  const stepOf = (major: number, frame: CallFrame): Result<GssStep, GssFault> => {
    const token = takeBuffer(frame)
    const context = frame.number(HANDLE)
    if (!isError(major)) {
      return success({ context, token, isComplete: (major & CONTINUE_NEEDED) === 0, flags: frame.word(FLAGS) })
    }
    const fault = faultOf(major, frame.word(MINOR))
    removeContext(context)
    return failure(token === undefined ? fault : { ...fault, token })
  }

  /** Room for what a step of an initiator is given, and its arguments. */
  const initiation = (credential: Address, context: Address, name: Address, token: Uint8Array | undefined) => {
    const frame = new CallFrame((token?.length ?? 0) + 128)
    frame.put(HANDLE, context)
    const input = token === undefined ? 0 : frame.described(token)
    const words = [
      ...[frame.at(MINOR), credential, frame.at(HANDLE), name, frame.described(KRB5_MECHANISM), WANTED_FLAGS, 0],
      ...[0, input, 0, frame.at(OUTPUT), frame.at(FLAGS), 0],
    ]
    return { frame, words }
  }

  const nameOf = ({ principal }: CredentialWish) => (principal === undefined ? success(0) : named(principal))

  /** Of a key table, and of no other place that the library looks in by itself. */
  const acquisition = (usage: 'initiate' | 'accept', name: Address, { principal = '', keytab }: CredentialWish) => {
    const table = new TextEncoder().encode(`FILE:${keytab}`)
    const cache = new TextEncoder().encode(`MEMORY:sealwire ${keytab} ${principal}`)
    const frame = new CallFrame(table.length + cache.length + 256)
    const value = frame.bytes(table)
    // One cache a principal, in this process's memory and nowhere else.
    const elements =
      usage === 'accept'
        ? [['keytab', value] as const]
        : [['client_keytab', value] as const, ['ccache', frame.bytes(cache)] as const]
    const list = frame.take(elements.length * 2 * WORD)
    for (const [index, [key, text]] of elements.entries()) {
      frame.put(list + index * 2 * WORD, frame.text(key))
      frame.put(list + index * 2 * WORD + WORD, text)
    }
    const [store, mechanisms] = [frame.take(2 * WORD), frame.take(2 * WORD)]
    for (const [at, count, first] of [
      [store, elements.length, frame.at(list)],
      [mechanisms, 1, frame.described(KRB5_MECHANISM)],
    ] as const) {
      frame.put(at, count)
      frame.put(at + WORD, first)
    }
    const kind = usage === 'accept' ? ACCEPT : INITIATE
    const given = [frame.at(MINOR), name, 0, frame.at(mechanisms), kind, frame.at(store)]
    return { frame, words: [...given, frame.at(HANDLE), 0, 0] }
  }
  const acquired = (major: number, frame: CallFrame, name: Address): Result<Address, GssFault> => {
    giveBackName(name)
    return isError(major) ? faultIn(major, frame) : success(frame.number(HANDLE))
  }

  return {
    acquireAcceptor(wish) {
      const name = nameOf(wish)
      if (!name.ok) return name
      const { frame, words } = acquisition('accept', name.value, wish)
      return acquired(acquireFrom(...words) as number, frame, name.value)
    },
    async acquireInitiator(wish) {
      const name = nameOf(wish)
      if (!name.ok) return name
      const { frame, words } = acquisition('initiate', name.value, wish)
      return acquired(await inThread(acquireFrom, words), frame, name.value)
    },
    releaseCredential(credential) {
      const frame = new CallFrame(0)
      frame.put(HANDLE, credential)
      if (credential !== 0) releaseCred(frame.at(MINOR), frame.at(HANDLE))
    },
    async beginContext(credential, target) {
      const name = named(target)
      if (!name.ok) return name
      const { frame, words } = initiation(credential, 0, name.value, undefined)
      const major = await inThread(initContext, words)
      giveBackName(name.value)
      return stepOf(major, frame)
    },
    continueContext(credential, context, target, token) {
      const name = named(target)
      if (!name.ok) return name
      const { frame, words } = initiation(credential, context, name.value, token)
      const major = initContext(...words) as number
      giveBackName(name.value)
      return stepOf(major, frame)
    },
    acceptContext(credential, context, token) {
      const frame = new CallFrame(token.length + 64)
      frame.put(HANDLE, context)
      const input = frame.described(token)
      const words = [frame.at(MINOR), frame.at(HANDLE), credential, input, 0, 0, 0, frame.at(OUTPUT), frame.at(FLAGS)]
      return stepOf(acceptContext(...words, 0, 0) as number, frame)
    },
    deleteContext: removeContext,
    peerOf(context) {
      const frame = new CallFrame(64)
      const [source, target, isOurs] = [frame.take(WORD), frame.take(WORD), frame.take(WORD)]
      const asked = [frame.at(source), frame.at(target), 0, 0, 0, frame.at(isOurs), 0]
      const major = inquireContext(frame.at(MINOR), context, ...asked) as number
      if (isError(major)) return faultIn(major, frame)
      const names = [frame.number(source), frame.number(target)] as const
      const shown = displayName(frame.at(MINOR), frame.word(isOurs) === 0 ? names[0] : names[1], frame.at(OUTPUT), 0)
      for (const name of names) giveBackName(name)
      if (isError(shown as number)) return faultIn(shown as number, frame)
      return success(new TextDecoder().decode(takeBuffer(frame) ?? new Uint8Array()))
    },
    wrap(context, content) {
      const frame = new CallFrame(content.length + 64)
      const input = frame.described(content)
      const major = wrapMessage(frame.at(MINOR), context, 1, 0, input, frame.at(EXTRA), frame.at(OUTPUT)) as number
      if (isError(major)) return faultIn(major, frame)
      const sealed = takeBuffer(frame) ?? new Uint8Array()
      return frame.word(EXTRA) === 0 ? ownFault('the context cannot encrypt') : success(sealed)
    },
    unwrap(context, content) {
      const frame = new CallFrame(content.length + 64)
      const input = frame.described(content)
      const major = unwrapMessage(frame.at(MINOR), context, input, frame.at(OUTPUT), frame.at(EXTRA), 0) as number
      if (isError(major)) return faultIn(major, frame)
      const opened = takeBuffer(frame) ?? new Uint8Array()
      if ((major & OUT_OF_ORDER) !== 0) return failure(faultOf(major, 0))
      return frame.word(EXTRA) === 0 ? ownFault('what came was signed, and not encrypted') : success(opened)
    },
  }
}
