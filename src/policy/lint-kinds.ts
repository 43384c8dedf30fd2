// Everything that the linter can find, as a table: the reference page and the tests read it too. `danger` means that the
// policy does not do what it seems to promise, or cannot work; `warning`, that it may not be meant; `note`, good to know.
import type { RuleId } from './model.ts'

export type LintSeverity = 'danger' | 'warning' | 'note'

interface KindRow {
  readonly severity: LintSeverity
  readonly title: string
  /** Where the reason is written down. */
  readonly source: string
}

/** In the order in which findings of one severity are told. */
export const lintKinds = {
  'source-port-88': {
    severity: 'danger',
    title: 'Whoever sends from port 88 gets past the filters',
    source: 'KB 811832; TechNet, Specifying Default Exemptions to IPSec Filtering',
  },
  'kerberos-cannot-start': {
    severity: 'danger',
    title: 'Kerberos has to be reached before Kerberos can secure anything',
    source: 'KB 254949',
  },
  'neighbour-discovery-secured': {
    severity: 'danger',
    title: 'IPv6 hosts cannot find each other',
    source: 'RFC 4861 §11.2',
  },
  'one-way-filter': {
    severity: 'danger',
    title: 'A secured filter without its way back',
    source: 'Windows XP help, Filter properties: Mirrored',
  },
  'falls-back-to-clear': {
    severity: 'danger',
    title: 'Whoever stops IKE gets clear traffic',
    source: 'KB 914841',
  },
  'broken-method': { severity: 'danger', title: 'A cipher that no longer protects', source: 'RFC 8221 §5' },
  'setting-unusable': {
    severity: 'danger',
    title: 'The setting of the default exemptions has no usable value',
    source: 'KB 254728',
  },
  'setting-before-service-pack': {
    severity: 'danger',
    title: 'This Windows is older than the setting',
    source: 'KB 254728',
  },
  'setting-ignored': {
    severity: 'warning',
    title: 'A setting that this Windows does not read',
    source: 'KB 254728; [MS-GPFAS] §2.2.1.5',
  },
  'setting-of-domain-controllers': {
    severity: 'warning',
    title: 'A setting meant for domain controllers',
    source: 'KB 254728; KB 254949',
  },
  'nat-traversal-secured': {
    severity: 'warning',
    title: 'IKE behind address translation cannot start',
    source: 'RFC 7296 §2.23',
  },
  'permits-by-source-port': {
    severity: 'warning',
    title: 'A port of the far end opens every port here',
    source: 'KB 811832',
  },
  'accepts-unsecured': {
    severity: 'warning',
    title: 'Unsecured packets are accepted',
    source: '[MS-GPIPSEC] §2.2.1.4',
  },
  'old-method': { severity: 'warning', title: 'An old security method', source: 'RFC 8221 §5 and §6' },
  'old-ike-method': { severity: 'warning', title: 'An old method of IKE', source: 'RFC 8247 §2' },
  'method-never-used': {
    severity: 'warning',
    title: 'Something is offered that can never be agreed on',
    source: 'RFC 7296 §3.3; draft-ietf-ipsec-isakmp-gss-auth',
  },
  'revocation-off': {
    severity: 'warning',
    title: 'Revoked certificates are accepted',
    source: 'RFC 5280 §6.3',
  },
  'peers-unnamed': {
    severity: 'warning',
    title: 'Any accepted host can stand for any other',
    source: 'RFC 4301 §4.4.3',
  },
  'content-readable': {
    severity: 'warning',
    title: 'Protected against change, but readable',
    source: 'RFC 4302 §1; RFC 2410',
  },
  'weak-secret': { severity: 'warning', title: 'A secret that can be guessed', source: 'RFC 7296 §2.15' },
  'filter-never-matches': {
    severity: 'warning',
    title: 'A filter that never decides',
    source: 'TechNet, IPsec Filter Ordering',
  },
  'order-undefined': {
    severity: 'warning',
    title: 'Two filters of equal rank disagree',
    source: 'TechNet, IPsec Filter Ordering',
  },
  'icmp-of-the-other-version': {
    severity: 'warning',
    title: 'ICMP of one IP version with addresses of the other',
    source: 'RFC 4443',
  },
  'tunnel-for-everything': {
    severity: 'warning',
    title: 'A tunnel for every packet there is',
    source: 'RFC 4301 §4.4.1',
  },
  'nothing-secured': { severity: 'warning', title: 'No rule secures anything', source: 'KB 254728' },
  'default-response-on': {
    severity: 'warning',
    title: 'The default response rule is on',
    source: '[MS-GPIPSEC] §2.2.1.4',
  },
  'exempt-traffic': {
    severity: 'note',
    title: 'Exempt traffic passes in clear',
    source: 'KB 253169; KB 811832',
  },
  'setting-missing': {
    severity: 'note',
    title: 'The file leaves the default exemptions to the machine',
    source: 'KB 254728',
  },
  'not-all-judged': {
    severity: 'note',
    title: 'Too entangled to be judged to the end',
    source: 'docs/policy-file.md',
  },
  'filter-redundant': {
    severity: 'note',
    title: 'A filter that changes nothing',
    source: 'TechNet, IPsec Filter Ordering',
  },
  'secret-in-file': { severity: 'note', title: 'A secret stands in the file', source: 'NIST SP 800-77 Rev. 1' },
  'rule-inactive': { severity: 'note', title: 'A rule is switched off', source: '[MS-GPIPSEC] §2.2.1' },
} as const satisfies Record<string, KindRow>

export type LintKind = keyof typeof lintKinds

export interface Finding {
  readonly kind: LintKind
  readonly severity: LintSeverity
  readonly title: string
  /** What is so, in a full sentence; it holds of each of `rules`. */
  readonly sentence: string
  /** The rule, where the finding is about one alone. */
  readonly rule?: RuleId
  /** Every rule it is about; empty where it is about the policy. */
  readonly rules: readonly RuleId[]
  /** What to do about it. */
  readonly hint: string
  readonly source: string
}

/** What a check says: about one rule, or about the policy. A severity is given where it differs from its kind's. */
export interface Remark {
  readonly kind: LintKind
  readonly sentence: string
  readonly hint: string
  readonly rule?: RuleId
  readonly severity?: LintSeverity
}

const severities: readonly LintSeverity[] = ['danger', 'warning', 'note']
const kindOrder = Object.keys(lintKinds)

/** One finding for each different sentence, the gravest first. */
export function findingsOf(remarks: Iterable<Remark>): Finding[] {
  const groups = new Map<string, { remark: Remark; rules: Set<RuleId> }>()
  for (const remark of remarks) {
    const key = JSON.stringify([remark.kind, remark.sentence, remark.hint, remark.severity])
    const group = groups.get(key) ?? { remark, rules: new Set() }
    groups.set(key, group)
    if (remark.rule !== undefined) group.rules.add(remark.rule)
  }
  const findings = [...groups.values()].map(({ remark, rules: found }): Finding => {
    const { kind, sentence, hint } = remark
    const rules = [...found]
    const { title, source, severity } = lintKinds[kind]
    const single = rules.length === 1 ? { rule: rules[0]! } : {}
    return { kind, severity: remark.severity ?? severity, title, sentence, ...single, rules, hint, source }
  })
  const rank = ({ kind, severity }: Finding) =>
    severities.indexOf(severity) * kindOrder.length + kindOrder.indexOf(kind)
  return findings.sort((a, b) => rank(a) - rank(b))
}
