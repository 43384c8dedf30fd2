// What the system's Kerberos says no with, as one sentence that says what to do. The codes are RFC 4120's (§7.5.9) and, from
// 128 on, those of MIT's own error table; what is not known here keeps the system's words.
import { realmOf } from '../../keying/principal.ts'
import type { GssFault } from '../../native/gssapi.ts'

export interface Circumstances {
  readonly role: 'initiator' | 'acceptor'
  /** This host's principal. */
  readonly own: string
  readonly keytab: string
  /** Of an initiator: whom it wants to speak with. */
  readonly target?: string
}

type Sentence = (about: Circumstances) => string

const CLOCKS = 'set both clocks, and the key centre’s, by NTP'
const targetRealm = ({ target, own }: Circumstances) => realmOf(target ?? own) ?? 'of this host'

const noCentre: Sentence = about =>
  `no key centre of realm ${targetRealm(about)} answered: look whether it runs, and whether the policy lets port 88 pass to it in clear`
const unknownCentre: Sentence = about =>
  `it is not known which hosts are the key centres of realm ${targetRealm(about)}: write kerberos: { kdc: […] }, or name them in krb5.conf`
const clockSkew: Sentence = () => `the clocks of the two hosts are too far apart: ${CLOCKS}`
const noKey: Sentence = ({ own, keytab }) =>
  `${keytab} has no key of ${own} that the ticket was made for: export the keytab anew from the key centre`
const wrongKey: Sentence = ({ role, own, keytab }) =>
  role === 'acceptor'
    ? `the ticket cannot be opened by the key of ${own} in ${keytab}: it is not the key that the key centre has; export the keytab anew`
    : `the key of ${own} in ${keytab} is not the one that the key centre has: export the keytab anew`
const oldKey: Sentence = ({ own, keytab }) =>
  `the ticket is for another version of the key of ${own} than ${keytab} has: export the keytab anew, and let the peer fetch a new ticket (restart its agent)`
const unknownTarget: Sentence = ({ target }) =>
  `the key centre does not know ${target ?? 'the peer'}: give the peer’s account that name (an SPN, or addprinc), or write kerberos: { principal: … } at the peer`
const unknownOwn: Sentence = ({ own }) =>
  `the key centre does not know ${own}: make the account, or write kerberos: { principal: … } with its name (a machine of Active Directory is HOST$@REALM)`
const expired: Sentence = () =>
  `the ticket’s time is over: ${CLOCKS}; a new ticket is fetched with the next negotiation`
const noReplayCache: Sentence = () =>
  'it cannot be noted which tickets came already, so none is taken: look whether /var/tmp can be written to and has room'
const weakKeys: Sentence = about =>
  `${about.target ?? about.own} and this host have no kind of encryption in common: give both accounts AES keys, or allow the kind in krb5.conf (permitted_enctypes)`

const sentences: ReadonlyMap<number, Sentence> = new Map<number, Sentence>([
  [1, ({ own }) => `the account ${own} has expired at the key centre: prolong it there`],
  [2, ({ target }) => `the account ${target ?? 'of the peer'} has expired at the key centre: prolong it there`],
  [6, unknownOwn],
  [7, unknownTarget],
  [12, ({ own }) => `the key centre’s rules do not allow ${own} a ticket for this: ask who runs it`],
  [14, weakKeys],
  [18, ({ own }) => `the account ${own} is locked at the key centre: unlock it there`],
  [23, ({ own }) => `the password of ${own} has expired at the key centre: set a new one, and export the keytab anew`],
  [24, wrongKey],
  [31, wrongKey],
  [32, expired],
  [33, ({ role }) => `the ${role === 'acceptor' ? 'peer’s ' : ''}ticket is not valid yet: ${CLOCKS}`],
  [
    34,
    () => 'the ticket was used once before: somebody sends again what was seen on the wire, or a message came twice',
  ],
  [35, noKey],
  [36, () => 'ticket and proof are of two different accounts'],
  [37, clockSkew],
  [41, wrongKey],
  [44, oldKey],
  [45, noKey],
  [144, noKey],
  [148, clockSkew],
  [150, weakKeys],
  [154, unknownCentre],
  [155, noKey],
  [156, noCentre],
  [158, () => 'the peer did not prove that it has the key of its name'],
  [162, noReplayCache],
  [164, noReplayCache],
  [169, noReplayCache],
  [170, noReplayCache],
  [172, noReplayCache],
  [181, noKey],
  [185, unknownCentre],
  [195, noKey],
  [220, noCentre],
  [230, oldKey],
  [236, weakKeys],
])

/** `as host/a@R towards host/b@R: … (the system says: …)`; who tells it says that it is about Kerberos. */
export function faultSentence(fault: GssFault, about: Circumstances): string {
  const sentence = fault.code === undefined ? undefined : sentences.get(fault.code)?.(about)
  const told = fault.words === '' ? `status ${fault.major}` : fault.words
  const what = sentence === undefined ? told : `${sentence} (the system says: ${told})`
  return `${heading(about)}: ${what}`
}

export function heading({ role, own, target }: Circumstances): string {
  if (role === 'acceptor') return `as ${own}`
  return `as ${own} towards ${target ?? 'the peer'}`
}

/** Where no answer came in the time there is; the system itself tries for longer. */
export function silenceSentence(about: Circumstances, seconds: number): string {
  return `${heading(about)}: ${noCentre(about)} (no answer in ${seconds} s)`
}
