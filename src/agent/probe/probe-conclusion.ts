// What the answers of a host come to, in the words of Windows's setting. A silent host proves little: it may be off, or stand
// behind a firewall; so only what answered is called a fact.
import type { Answer } from './probe-answers.ts'
import type { Probe, ProbeClass } from './probe-list.ts'

export interface Probed {
  readonly probe: Probe
  /** It was seen leaving this host in clear. */
  readonly hasLeft: boolean
  readonly answers: readonly Answer[]
}

export type Likeness =
  /** Answers what nothing exempts. */
  | 'not-secured'
  | 'part-secured'
  | 'no-default-exempt-0'
  | 'no-default-exempt-0-or-2'
  | 'no-default-exempt-2'
  | 'no-default-exempt-1'
  | 'ipsec-exempt-icmp'
  | 'source-port-500'
  /** Only IKE answers. */
  | 'keying-only'
  | 'silent'
  /** The probes did not leave this host in clear, so nothing was learnt. */
  | 'not-probed'

export interface ProbeConclusion {
  readonly answersInClear: boolean
  readonly likeness: Likeness
  readonly sentences: readonly string[]
}

export interface Beside {
  /** The host asked for keys of its own accord. */
  readonly asksForKeys: boolean
  /** Sealed packets came from it. */
  readonly sealed: number
}

export function inClear({ answers }: Probed): boolean {
  return answers.some(({ kind }) => kind === 'in-clear')
}

/** What one probe's answers mean; empty where there is nothing to say. */
export function meaningOf(probed: Probed, all: readonly Probed[]): string {
  const { probe, hasLeft, answers } = probed
  if (!hasLeft) return 'it did not leave this host in clear: nothing was learnt'
  if (!inClear(probed)) return answers.length > 0 ? 'keys can be agreed on with it' : 'no answer in clear'
  if (probe.class === 'ike') return 'nobody speaks IKE there'
  if (probe.class !== 'plain' && probe.class !== 'icmp' && anyAnswers(all, 'plain')) {
    return 'answers in clear, as it does to what nothing exempts'
  }
  return meanings[probe.class]
}

const meanings: Readonly<Record<Exclude<ProbeClass, 'ike'>, string>> = {
  plain: 'answers in clear: this is not secured',
  icmp: 'answers in clear: ICMP is not secured, by a filter or as if IPsecExempt had 2 in it',
  kerberos: 'answers in clear to port 88: as if NoDefaultExempt were 0 or 2',
  'ike-port': 'answers in clear to source port 500: more than IKE passes there',
  rsvp: 'answers RSVP in clear: as if NoDefaultExempt were 0 or 2',
  group: 'answers in clear to a group: as if NoDefaultExempt were 0 or 1',
}

function anyAnswers(all: readonly Probed[], wanted: ProbeClass): boolean {
  return all.some(probed => probed.probe.class === wanted && inClear(probed))
}

export function concludeProbe(all: readonly Probed[], beside: Beside): ProbeConclusion {
  const sent = all.filter(({ hasLeft }) => hasLeft)
  // IKE leaves a host that secures the rest: it alone tells nothing of the rest.
  if (sent.every(({ probe }) => probe.class === 'ike')) {
    const sentence =
      'Nothing but IKE left this host in clear, since a policy or a firewall here seals or stops the rest: probe from a host that has none.'
    return { answersInClear: false, likeness: 'not-probed', sentences: [sentence] }
  }
  const answersInClear = sent.some(one => one.probe.class !== 'ike' && inClear(one))
  const { likeness, sentence } = likenessOf(sent)
  const versions = new Set(
    sent.flatMap(({ answers }) => answers.filter(one => one.kind === 'keying').map(one => one.words.slice(0, 5))),
  )
  const missed = all.length - sent.length
  const sentences = [
    sentence,
    ...(versions.size === 0 || likeness === 'keying-only' ? [] : [`It speaks ${[...versions].join(' and ')}.`]),
    ...(beside.asksForKeys ? ['It asked for keys itself: it wants to secure what it was sent, or its answers.'] : []),
    ...(beside.sealed > 0 ? ['Sealed packets of it were seen as well.'] : []),
    ...(missed === 0
      ? []
      : [`${missed} of ${all.length} probes did not leave this host in clear, and count for nothing.`]),
  ]
  return { answersInClear, likeness, sentences }
}

interface Found {
  readonly likeness: Likeness
  readonly sentence: string
}

function likenessOf(sent: readonly Probed[]): Found {
  const has = (wanted: ProbeClass) => anyAnswers(sent, wanted)
  const plain = sent.filter(({ probe }) => probe.class === 'plain')
  const open = plain.filter(inClear)
  if (open.length > 0 && open.length === plain.length) {
    return {
      likeness: 'not-secured',
      sentence: 'It answers in clear whatever it is sent: nothing is secured towards this host.',
    }
  }
  if (open.length > 0) {
    const what = open.map(({ probe }) => probe.what).join(', ')
    const sentence = `It answers in clear to some of what nothing exempts (${what}): filters permit it, or no policy is there and a firewall drops the rest.`
    return { likeness: 'part-secured', sentence }
  }
  if (has('kerberos') || has('rsvp')) return exempting(sent, has)
  if (has('group')) {
    const sentence = 'It answers in clear to a group, and to nothing else: as if NoDefaultExempt were 1.'
    return { likeness: 'no-default-exempt-1', sentence }
  }
  if (has('ike-port')) {
    const sentence =
      'It answers in clear to source port 500, which is not IKE: a filter lets more pass than the default exemption.'
    return { likeness: 'source-port-500', sentence }
  }
  if (has('icmp')) {
    const sentence = 'Only ICMP is answered in clear: a filter permits it, or IPsecExempt has 2 in it (windows-vista).'
    return { likeness: 'ipsec-exempt-icmp', sentence }
  }
  return quiet(sent)
}

/** Kerberos and RSVP share a bit of NoDefaultExempt, multicast and broadcast the other. */
function exempting(sent: readonly Probed[], has: (wanted: ProbeClass) => boolean): Found {
  const which = [has('kerberos') ? 'port 88 (KB 811832)' : '', has('rsvp') ? 'RSVP' : ''].filter(word => word !== '')
  const wasTried = sent.some(({ probe }) => probe.class === 'plain')
  const rest = wasTried ? 'and not to the same without' : 'and the same without could not be tried from here'
  const start = `It answers in clear to ${which.join(' and ')}, ${rest}`
  const asked = sent.some(({ probe }) => probe.class === 'group')
  if (has('group')) {
    return {
      likeness: 'no-default-exempt-0',
      sentence: `${start}; groups are answered too: as if NoDefaultExempt were 0.`,
    }
  }
  if (asked) {
    const sentence = `${start}; groups are not answered: as if NoDefaultExempt were 2, or 0 where nobody answers groups.`
    return { likeness: 'no-default-exempt-2', sentence }
  }
  return { likeness: 'no-default-exempt-0-or-2', sentence: `${start}: as if NoDefaultExempt were 0 or 2.` }
}

function quiet(sent: readonly Probed[]): Found {
  if (sent.some(({ answers }) => answers.some(({ kind }) => kind === 'keying'))) {
    const sentence =
      'Only IKE answers: as if NoDefaultExempt were 1 or 3, or the profile strict, with everything secured or blocked.'
    return { likeness: 'keying-only', sentence }
  }
  const sentence =
    'Nothing answers in clear, IKE neither: everything is blocked, or IKE answers only whom it knows, or the host is off.'
  return { likeness: 'silent', sentence }
}
