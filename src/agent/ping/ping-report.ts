// The sums of a ping and the sentence they come to. An echo is well where it was answered and the wire showed both ways as
// the policy asks; where no policy is known, only what was sealed is well.
import type { Negotiating } from '../control-commands.ts'
import type { OnWire } from './match-echo.ts'

export type EchoState =
  | 'reply'
  /** No answer yet, because keys were being agreed on. */
  | 'negotiating'
  | 'timed-out'
  /** Somebody on the way, or the host, said that it cannot be reached. */
  | 'unreachable'
  /** This host did not let it out. */
  | 'not-sent'

export interface EchoResult {
  readonly sequence: number
  readonly state: EchoState
  /** Keys were being agreed on while it was under way. */
  readonly waitedForKeys: boolean
  readonly roundTripMilliseconds: number | null
  readonly request: OnWire
  readonly reply: OnWire | null
  /** Why there is no reply, where somebody told. */
  readonly note: string | null
  /** The rule's fall back to clear was in use then. */
  readonly fellBack: boolean
}

/** What the policy asks for an echo; `null` where no agent tells. */
export type Asked = Pick<Negotiating, 'action' | 'because' | 'rule'>

/** `as-asked-clear`: in clear, and the policy lets it. */
export type Protection = 'sealed' | 'as-asked-clear' | 'clear' | 'unseen'

export interface PingSummary {
  readonly sent: number
  readonly received: number
  readonly lost: number
  /** Unanswered while keys were being agreed on. */
  readonly negotiating: number
  readonly sealed: number
  readonly clearAsAsked: number
  readonly clear: number
  readonly unseen: number
  /** In clear because a rule fell back to it. */
  readonly fellBack: number
  readonly minimumMilliseconds: number | null
  readonly averageMilliseconds: number | null
  readonly maximumMilliseconds: number | null
}

export interface PingConclusion {
  readonly ok: boolean
  readonly verdict: 'sealed' | 'clear-as-asked' | 'clear' | 'unseen' | 'no-answer'
  readonly sentence: string
}

/** Of all that was seen of an echo: one way in clear is clear. Undefined where there is nothing to judge. */
export function protectionOf(echo: EchoResult, asked: Asked | null): Protection | undefined {
  const mayBeClear = asked?.action === 'permit' || (asked?.action === 'negotiate' && echo.fellBack)
  const ways = [echo.request, ...(echo.reply === null ? [] : [echo.reply])]
  if (ways.some(({ kind }) => kind === 'clear')) return mayBeClear ? 'as-asked-clear' : 'clear'
  if (echo.state !== 'reply') return undefined
  if (ways.every(({ kind }) => kind === 'sealed')) return 'sealed'
  return mayBeClear ? 'as-asked-clear' : 'unseen'
}

export function summarize(echoes: readonly EchoResult[], asked: Asked | null): PingSummary {
  const answered = echoes.filter(({ state }) => state === 'reply')
  const times = answered.flatMap(({ roundTripMilliseconds }) => roundTripMilliseconds ?? [])
  const count = (wanted: Protection) => echoes.filter(echo => protectionOf(echo, asked) === wanted).length
  const sum = times.reduce((total, time) => total + time, 0)
  const negotiating = echoes.filter(({ state }) => state === 'negotiating').length
  return {
    sent: echoes.filter(({ state }) => state !== 'not-sent').length,
    received: answered.length,
    lost: echoes.length - answered.length - negotiating,
    negotiating,
    sealed: count('sealed'),
    clearAsAsked: count('as-asked-clear'),
    clear: count('clear'),
    unseen: count('unseen'),
    fellBack: echoes.filter(echo => echo.fellBack && protectionOf(echo, asked) === 'as-asked-clear').length,
    minimumMilliseconds: times.length === 0 ? null : Math.min(...times),
    averageMilliseconds: times.length === 0 ? null : rounded(sum / times.length),
    maximumMilliseconds: times.length === 0 ? null : Math.max(...times),
  }
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}

export function conclude(summary: PingSummary, asked: Asked | null, host: string): PingConclusion {
  const { received, lost, negotiating, sealed, clear, clearAsAsked, unseen } = summary
  if (clear > 0) {
    const must = asked === null ? 'no agent runs here that secures it' : `the policy asks otherwise: ${asked.because}`
    const answers = received === 0 ? ', and gave no answer' : ''
    return no('clear', `CLEAR: ${echoes(clear)} to ${host} stood in clear on the wire${answers}; ${must}.`)
  }
  if (received === 0) return no('no-answer', `${host} gave no answer${whyNot(negotiating, asked)}.`)
  if (unseen > 0) {
    return no('unseen', `${host} answers, but of ${echoes(unseen)} the wire did not show enough to call it sealed.`)
  }
  if (lost > 0) {
    return no(
      'no-answer',
      `${host} left ${lost === 1 ? 'one echo' : `${lost} echoes`} unanswered${kept(sealed, clearAsAsked)}.`,
    )
  }
  if (clearAsAsked > 0) {
    const why = summary.fellBack > 0 ? 'NOT SECURED: its rule falls back to clear' : 'the policy lets it pass'
    const rest = sealed > 0 ? `, ${sealed} sealed` : ''
    return {
      ok: true,
      verdict: 'clear-as-asked',
      sentence: `${host} answers in clear${rest}: ${why} (${asked?.because}).`,
    }
  }
  return {
    ok: true,
    verdict: 'sealed',
    sentence: `${host} answers, and every request and reply was sealed on the wire.`,
  }
}

function no(verdict: PingConclusion['verdict'], sentence: string): PingConclusion {
  return { ok: false, verdict, sentence }
}

function echoes(count: number): string {
  return count === 1 ? 'one echo' : `${count} echoes`
}

function whyNot(negotiating: number, asked: Asked | null): string {
  if (negotiating > 0) return ': keys were being agreed on, and were not in time'
  if (asked?.action === 'block') return `: the policy blocks it (${asked.because})`
  return ''
}

function kept(sealed: number, clearAsAsked: number): string {
  if (sealed > 0) return '; what it answered was sealed'
  return clearAsAsked > 0 ? '; what it answered was in clear, as the policy lets it' : ''
}
