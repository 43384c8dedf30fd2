// The words behind `sealwire reg`, in reg.exe's form: what is named stands first, then switches with a slash, of which some
// take the word behind them. Letters of either size; a switch that the command does not have is told of.
import { nearest, type Problem } from '../base/result.ts'

/** `word`: takes the next word, whatever it is; `perhaps`: only one that is no switch. */
export type SwitchKind = 'alone' | 'word' | 'perhaps'

export interface RegSyntax {
  /** How a person calls what has to be named. */
  readonly names: readonly string[]
  readonly switches: Readonly<Record<string, SwitchKind>>
}

export interface RegWords {
  readonly names: readonly string[]
  /** By the switch without its slash: the word behind it, or true. */
  readonly switches: Readonly<Record<string, string | true>>
  readonly problems: readonly Problem[]
}

/** Of every command: which half of a 64-bit Windows is meant. We have one registry, and no halves. */
const everywhere: Readonly<Record<string, SwitchKind>> = { 'reg:32': 'alone', 'reg:64': 'alone' }

export function readRegWords(words: readonly string[], syntax: RegSyntax): RegWords {
  const names: string[] = []
  const switches: Record<string, string | true> = {}
  const problems: Problem[] = []
  const fault = (where: string, what: string, hint = '') => problems.push({ severity: 'error', where, what, hint })
  const known = { ...syntax.switches, ...everywhere }
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!
    const name = word.slice(1).toLowerCase()
    const kind = word.startsWith('/') && Object.hasOwn(known, name) ? known[name] : undefined
    // A file has a slash in front, too, where its whole path is named.
    if (kind === undefined && (!word.startsWith('/') || syntax.names[names.length] === 'FILE')) {
      if (names.push(word) > syntax.names.length) {
        fault(word, 'there is one word too many', 'quote names with spaces in them')
      }
      continue
    }
    const next = words[at + 1]
    if (kind === undefined) fault(word, 'there is no such switch', hintFor(name, Object.keys(syntax.switches)))
    else if (Object.hasOwn(switches, name)) fault(word, 'stands there twice')
    else if (kind === 'alone' || (kind === 'perhaps' && (next === undefined || next.startsWith('/'))))
      switches[name] = true
    else if (next === undefined) fault(word, 'needs a word behind it')
    else {
      switches[name] = next
      at++
    }
  }
  for (const missing of syntax.names.slice(names.length))
    fault(missing, 'is missing', 'sealwire reg --help tells the words')
  return { names, switches, problems }
}

function hintFor(name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  if (near !== undefined) return `/${near}?`
  return known.length === 0 ? '' : `known are ${known.map(one => `/${one}`).join(', ')}`
}
