// A Kerberos in memory for the tests of this folder: what the system would answer, without a key center, without secrets, and
// when the test wants it. A ticket is text that says for whom it is; sealing is a mark with the context's number in front.
import type { KerberosAnswer, KerberosAsk } from '../machine.ts'
import type { TestHost, TestNet } from '../test-hosts.ts'

interface Context {
  readonly key: string
  readonly peer: string
  readonly isInitiator: boolean
}

export class TestKerberos {
  /** By host and session; empty where everything was forgotten. */
  readonly contexts = new Map<string, Context>()
  readonly asked: KerberosAsk['kind'][] = []
  /** Answers what a host is told instead; undefined for the usual. `silent`: nothing ever. */
  disturb: ((host: string, ask: KerberosAsk) => KerberosAnswer | 'silent' | undefined) | undefined
  /** Seconds until an answer. */
  delay = 0.02
  readonly #net: TestNet
  #tickets = 0

  constructor(net: TestNet) {
    this.#net = net
  }

  serve(host: TestHost): void {
    const name = this.#net.hosts.indexOf(host).toString()
    host.kerberos = (session, ask) => {
      this.asked.push(ask.kind)
      const usual = this.#answer(`${name} ${session}`, ask)
      const answer = this.disturb?.(name, ask) ?? usual
      if (answer === undefined || answer === 'silent') return
      const { clock } = this.#net
      clock.at(clock.now() + this.delay, () => host.input({ kind: 'kerberos', session, answer }))
    }
  }

  #answer(id: string, ask: KerberosAsk): KerberosAnswer | undefined {
    const context = this.contexts.get(id)
    switch (ask.kind) {
      case 'begin': {
        const key = `ticket ${++this.#tickets}`
        this.contexts.set(id, { key, peer: ask.target, isInitiator: true })
        const token = tokenOf([key, ask.credential.principal ?? '', ask.target])
        return { kind: 'context', token, isComplete: false }
      }
      case 'accept': {
        const [key, from, to] = partsOf(ask.token) ?? []
        if (key === undefined || from === undefined || to !== ask.credential.principal) {
          return {
            kind: 'failed',
            what: `no ticket for ${ask.credential.principal}`,
            token: tokenOf(['error', 'not for me']),
          }
        }
        this.contexts.set(id, { key, peer: from, isInitiator: false })
        return { kind: 'context', token: tokenOf(['answer', key]), isComplete: true, peer: from }
      }
      case 'continue': {
        const [kind, key] = partsOf(ask.token) ?? []
        if (context === undefined || kind !== 'answer' || key !== context.key) {
          return {
            kind: 'failed',
            what: kind === 'error' ? `the other system says: ${key}` : 'no answer to our ticket',
          }
        }
        return { kind: 'context', isComplete: true, peer: context.peer }
      }
      case 'wrap':
        return context === undefined
          ? { kind: 'failed', what: 'no context' }
          : { kind: 'content', content: tokenOf([context.key, String(context.isInitiator), ask.content.toHex()]) }
      case 'unwrap': {
        const [key, isInitiator, content] = partsOf(ask.content) ?? []
        const isGood = key === context?.key && isInitiator === String(context?.isInitiator === false)
        return isGood && content !== undefined
          ? { kind: 'content', content: Uint8Array.fromHex(content) }
          : { kind: 'failed', what: 'it was not sealed by this context' }
      }
      case 'forget':
        this.contexts.delete(id)
        return undefined
    }
  }
}

function tokenOf(parts: readonly string[]): Uint8Array {
  return Uint8Array.of(0x60, ...new TextEncoder().encode(parts.join('|')))
}

function partsOf(token: Uint8Array): readonly string[] | undefined {
  return token[0] === 0x60 ? new TextDecoder().decode(token.subarray(1)).split('|') : undefined
}
