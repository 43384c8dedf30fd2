// The contexts of one process, one for each session: what a session asks becomes calls of the system's GSS-API. Runs in a
// process of its own (kerberos-process.ts), since the library is C, blocks, and reads what strangers send.
import type { Result } from '../../base/result.ts'
import type { KerberosCredential } from '../../keying/credentials.ts'
import type { KerberosAnswer, KerberosAsk, SessionId } from '../../keying/machine.ts'
import { ANONYMOUS, type Gssapi, type GssFault, type GssStep, WANTED_FLAGS } from '../../native/gssapi.ts'
import { type Circumstances, faultSentence, heading } from './kerberos-words.ts'

interface Context {
  readonly about: Circumstances
  /** Both 0 while there is none. */
  credential: number
  handle: number
  isComplete: boolean
  /** Its session ended while the key centre was being asked. */
  isForgotten: boolean
  isAsking: boolean
}

/** Sessions forget theirs; this is for the day when one does not. */
const MOST_CONTEXTS = 4096

export class KerberosContexts {
  readonly #gss: Gssapi
  readonly #contexts = new Map<SessionId, Context>()

  constructor(gss: Gssapi) {
    this.#gss = gss
  }

  /** Undefined for what needs no answer. Never rejects but by a fault of ours. */
  async ask(session: SessionId, ask: KerberosAsk): Promise<KerberosAnswer | undefined> {
    switch (ask.kind) {
      case 'begin':
      case 'accept':
        if (this.#contexts.size >= MOST_CONTEXTS) return failed('too many sessions have a context')
        return ask.kind === 'accept'
          ? this.#accept(session, ask.credential, ask.token)
          : this.#begin(session, ask.credential, ask.target)
      case 'forget':
        this.#forget(session)
        return undefined
      default: {
        const context = this.#contexts.get(session)
        if (context === undefined || context.isAsking) return failed('there is no context for this session')
        return this.#further(session, context, ask)
      }
    }
  }

  async #begin(session: SessionId, credential: KerberosCredential, target: string): Promise<KerberosAnswer> {
    const about = circumstances('initiator', credential, target)
    const context = this.#open(session, about)
    context.isAsking = true
    const acquired = await this.#gss.acquireInitiator(wishOf(credential, about))
    const step = acquired.ok && !context.isForgotten ? await this.#gss.beginContext(acquired.value, target) : undefined
    context.isAsking = false
    if (acquired.ok) context.credential = acquired.value
    if (step?.ok === true) context.handle = step.value.context
    if (context.isForgotten) {
      this.#free(context)
      return failed(`${heading(about)}: the session ended meanwhile`)
    }
    if (!acquired.ok) return this.#lost(session, about, acquired.error)
    return this.#took(session, context, step!)
  }

  #accept(session: SessionId, credential: KerberosCredential, token: Uint8Array): KerberosAnswer {
    const about = circumstances('acceptor', credential)
    const context = this.#open(session, about)
    const acquired = this.#gss.acquireAcceptor(wishOf(credential, about))
    if (!acquired.ok) return this.#lost(session, about, acquired.error)
    context.credential = acquired.value
    return this.#took(session, context, this.#gss.acceptContext(context.credential, 0, token))
  }

  #open(session: SessionId, about: Circumstances): Context {
    this.#forget(session)
    const context = { about, credential: 0, handle: 0, isComplete: false, isForgotten: false, isAsking: false }
    this.#contexts.set(session, context)
    return context
  }

  #further(
    session: SessionId,
    context: Context,
    ask: Extract<KerberosAsk, { readonly kind: 'continue' | 'wrap' | 'unwrap' }>,
  ): KerberosAnswer {
    const { about, credential, handle } = context
    if (ask.kind === 'continue') {
      if (context.isComplete) return failed(`${heading(about)}: a token too many came`)
      const { target } = about
      const step =
        target === undefined
          ? this.#gss.acceptContext(credential, handle, ask.token)
          : this.#gss.continueContext(credential, handle, target, ask.token)
      return this.#took(session, context, step)
    }
    if (!context.isComplete) return failed(`${heading(about)}: the context does not stand yet`)
    const done = ask.kind === 'wrap' ? this.#gss.wrap(handle, ask.content) : this.#gss.unwrap(handle, ask.content)
    if (done.ok) return { kind: 'content', content: done.value }
    return this.#lost(session, about, done.error)
  }

  #took(session: SessionId, context: Context, step: Result<GssStep, GssFault>): KerberosAnswer {
    const { about } = context
    if (!step.ok) {
      // C has freed it, or nobody can go on with it.
      context.handle = 0
      return this.#lost(session, about, step.error)
    }
    const { context: handle, token, isComplete, flags } = step.value
    context.handle = handle
    const answered = { kind: 'context', isComplete, ...(token === undefined ? {} : { token }) } as const
    if (!isComplete) return answered
    // Less than was asked for would leave the hash unprotected, or one of the two unproved.
    if ((flags & WANTED_FLAGS) !== WANTED_FLAGS || (flags & ANONYMOUS) !== 0) {
      this.#forget(session)
      return failed(`${heading(about)}: the peer does not do mutual authentication with encryption and sequence`)
    }
    const peer = this.#gss.peerOf(handle)
    if (!peer.ok) return this.#lost(session, about, peer.error)
    context.isComplete = true
    return { ...answered, peer: peer.value }
  }

  #lost(session: SessionId, about: Circumstances, fault: GssFault): KerberosAnswer {
    this.#forget(session)
    return { ...failed(faultSentence(fault, about)), ...(fault.token === undefined ? {} : { token: fault.token }) }
  }

  #forget(session: SessionId): void {
    const context = this.#contexts.get(session)
    if (context === undefined) return
    this.#contexts.delete(session)
    // C is working on it: what comes of that is freed then.
    if (context.isAsking) context.isForgotten = true
    else this.#free(context)
  }

  #free({ handle, credential }: Context): void {
    this.#gss.deleteContext(handle)
    this.#gss.releaseCredential(credential)
  }
}

export function circumstances(
  role: Circumstances['role'],
  { principal, keytab }: KerberosCredential,
  target?: string,
): Circumstances {
  const own = principal ?? 'this host'
  return { role, own, keytab: keytab ?? SYSTEM_KEYTAB, ...(target === undefined ? {} : { target }) }
}

function wishOf({ principal }: KerberosCredential, { keytab }: Circumstances) {
  return { keytab, ...(principal === undefined ? {} : { principal }) }
}

/** Where a joined host has its keys. */
export const SYSTEM_KEYTAB = '/etc/krb5.keytab'

function failed(what: string): Extract<KerberosAnswer, { readonly kind: 'failed' }> {
  return { kind: 'failed', what }
}
