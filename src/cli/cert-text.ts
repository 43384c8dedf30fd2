// Certificates for people and for programs: the lines of `cert show`, and its JSON.
import type { DescribedCertificate, DescribedRequest, Shown } from '../agent/certificates/describe-certificate.ts'
import type { Console, Style } from './console.ts'

export function shownJson(shown: Shown) {
  return shown.kind === 'certificate' ? certificateJson(shown) : requestJson(shown)
}

export function certificateJson({ notBefore, notAfter, againstIke, judgement, ...rest }: DescribedCertificate) {
  return {
    ...rest,
    notBefore: iso(notBefore),
    notAfter: iso(notAfter),
    ike: { usable: againstIke.length === 0 && !rest.isAuthority, why: againstIke },
    judgement: judgement ?? null,
  }
}

function requestJson({ against, ...rest }: DescribedRequest) {
  return { ...rest, why: against ?? null }
}

export function printShown(shown: Shown, console: Console, at: number): void {
  const title = shown.subject === '' ? 'no subject' : shown.subject
  const kind = shown.kind === 'request' ? 'request' : shown.isAuthority ? 'CA' : 'certificate'
  console.print(`${console.style('bold', title)}  ${console.style('dim', `${kind} in ${shown.file}`)}`)
  const rows = shown.kind === 'certificate' ? certificateRows(shown, console, at) : requestRows(shown, console)
  console.table(rows.map(([word, text]) => [`  ${console.style('dim', word)}`, text]))
}

type Row = readonly [word: string, text: string]

function certificateRows(shown: DescribedCertificate, console: Console, at: number): readonly Row[] {
  const { againstIke, judgement, keyUsage, extendedKeyUsage } = shown
  const usages = [...keyUsage, ...extendedKeyUsage].join(', ')
  const good = (text: string) => console.style('green', text)
  const bad = (text: string) => console.style('redBright', text)
  return [
    ['issuer', shown.isSelfIssued ? 'itself' : shown.issuer],
    ...nameRows(shown),
    ['valid', validity(shown, console, at)],
    ['key', `${shown.key}, signed with ${shown.signature}`],
    ['use', usages === '' ? 'any' : usages],
    ['serial', shown.serialNumber],
    ['SHA-256', shown.fingerprint],
    ...ikeRows(shown, againstIke, good, bad),
    ...(judgement === undefined ? [] : [judgementRow(judgement, good, bad)]),
  ]
}

function ikeRows(
  { isAuthority }: DescribedCertificate,
  against: readonly string[],
  good: (text: string) => string,
  bad: (text: string) => string,
): readonly Row[] {
  if (isAuthority) return [['for IKE', 'signs the certificates of others']]
  if (against.length === 0) return [['for IKE', good('yes')]]
  return against.map((reason, index) => [index === 0 ? 'for IKE' : '', `${bad('no')}: ${reason}`])
}

function judgementRow(
  { accepted, why }: { readonly accepted: boolean; readonly why: string },
  good: (text: string) => string,
  bad: (text: string) => string,
): Row {
  if (!accepted) return ['by the CA', `${bad('not accepted')}: ${why}`]
  return ['by the CA', why === '' ? `${good('accepted')}: it is the CA itself` : `${good('accepted')}: ${why}`]
}

function requestRows(shown: DescribedRequest, console: Console): readonly Row[] {
  if (shown.against !== undefined) return [['', `${console.style('redBright', 'not to be signed')}: ${shown.against}`]]
  return [...nameRows(shown), ['key', shown.key], ['signature', console.style('green', 'fits its key')]]
}

function nameRows({ names }: Shown): readonly Row[] {
  if (names.length === 0) return [['names', 'none but the subject']]
  return names.map(({ kind, value }, index) => [index === 0 ? 'names' : '', `${value} (${kind})`])
}

const DAY = 86_400

function validity({ notBefore, notAfter, state }: DescribedCertificate, console: Console, at: number): string {
  const days = Math.floor((notAfter - at) / DAY)
  const span = `${iso(notBefore).slice(0, 10)} to ${iso(notAfter).slice(0, 10)}`
  const [style, words]: [Style, string] =
    state === 'expired'
      ? ['redBright', 'it is over']
      : state === 'not-yet-valid'
        ? ['redBright', 'not yet']
        : [days < 14 ? 'yellow' : 'green', days === 1 ? '1 day left' : `${days} days left`]
  return `${span}, ${console.style(style, words)}`
}

function iso(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}
