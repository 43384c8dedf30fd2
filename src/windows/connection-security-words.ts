// One table for each kind of word: ours, the registry's ([MS-GPFAS] §2.2), netsh's, PowerShell's and the number that a
// CIM instance of it has in JSON. Columns are empty where a form has no word. `words(table, form)` looks both ways.
import { nearest } from '../base/result.ts'
import type {
  AuthMethod,
  CertificateSigning,
  Encapsulation,
  Encryption,
  Group,
  Hash,
  InterfaceType,
  KeyModule,
  NetworkProfile,
  RuleAction,
} from './connection-security-rules.ts'

export type Form = 'registry' | 'netsh' | 'powershell'

export interface WordRow<T extends string> {
  readonly word: T
  readonly registry?: string
  /** As `show rule` prints it; commands take it in any case. */
  readonly netsh?: string
  readonly powershell?: string
  readonly number?: number
}

export class WordTable<T extends string> {
  readonly rows: readonly WordRow<T>[]
  readonly #byWord: ReadonlyMap<T, WordRow<T>>

  constructor(rows: readonly WordRow<T>[]) {
    this.rows = rows
    this.#byWord = new Map(rows.map(row => [row.word, row]))
  }

  /** What stands for `word` in a form; undefined where the form has nothing for it. */
  in(form: Form, word: T): string | undefined {
    return this.#byWord.get(word)?.[form]
  }

  numberOf(word: T): number | undefined {
    return this.#byWord.get(word)?.number
  }

  /** Our word for what a form says, in any case. */
  from(form: Form, text: string): T | undefined {
    const asked = text.toLowerCase()
    return this.rows.find(row => row[form]?.toLowerCase() === asked)?.word
  }

  fromNumber(number: number): T | undefined {
    return this.rows.find(row => row.number === number)?.word
  }

  /** `did you mean`, or all that the form knows. */
  hint(form: Form, text: string): string {
    const known = this.rows.flatMap(row => row[form] ?? [])
    const shown = form === 'netsh' ? known.map(word => word.toLowerCase()) : known
    const near = nearest(text.slice(0, 64), shown)
    return near === undefined ? `one of ${shown.join(', ')}` : `did you mean ${near}?`
  }
}

export const groups = new WordTable<Group>([
  { word: 'dh1', registry: 'DH1', netsh: 'DHGroup1', powershell: 'DH1', number: 1 },
  { word: 'dh2', registry: 'DH2', netsh: 'DHGroup2', powershell: 'DH2', number: 2 },
  { word: 'dh14', registry: 'DH2048', netsh: 'DHGroup14', powershell: 'DH14', number: 14 },
  { word: 'dh24', registry: 'DH24', netsh: 'DHGroup24', powershell: 'DH24', number: 24 },
  { word: 'ecdh-256', registry: 'ECDH-256', netsh: 'ECDHP256', powershell: 'DH19', number: 19 },
  { word: 'ecdh-384', registry: 'ECDH-384', netsh: 'ECDHP384', powershell: 'DH20', number: 20 },
])

export const freshKeyWords = new WordTable<'none' | 'main-mode' | Group>([
  { word: 'none', registry: 'Disable', netsh: 'None', powershell: 'None' },
  { word: 'main-mode', registry: 'EnableDHFromPhase1', netsh: 'MainMode', powershell: 'SameAsMainMode' },
  ...groups.rows.map(row => ({ ...row, registry: `ReKey${row.registry}` })),
])

export const encryptions = new WordTable<Encryption>([
  { word: 'des', registry: 'DES', netsh: 'DES', powershell: 'DES' },
  { word: '3des', registry: '3DES', netsh: '3DES', powershell: 'DES3' },
  ...(['128', '192', '256'] as const).map(bits => ({
    word: `aes-${bits}` as const,
    registry: `AES-${bits}`,
    netsh: `AES${bits}`,
    powershell: `AES${bits}`,
  })),
  ...(['128', '192', '256'] as const).map(bits => ({
    word: `aes-gcm-${bits}` as const,
    registry: `AES-GCM-${bits}`,
    netsh: `AESGCM${bits}`,
    powershell: `AESGCM${bits}`,
  })),
])

export const hashes = new WordTable<Hash>([
  { word: 'md5', registry: 'MD5', netsh: 'MD5', powershell: 'MD5' },
  { word: 'sha1', registry: 'SHA1', netsh: 'SHA1', powershell: 'SHA1' },
  { word: 'sha256', registry: 'SHA256', netsh: 'SHA256', powershell: 'SHA256' },
  { word: 'sha384', registry: 'SHA384', netsh: 'SHA384', powershell: 'SHA384' },
  ...(['128', '192', '256'] as const).map(bits => ({
    word: `aes-gmac-${bits}` as const,
    registry: `AES-GMAC-${bits}`,
    netsh: `AESGMAC${bits}`,
    powershell: `AESGMAC${bits}`,
  })),
])

export const encapsulations = new WordTable<Encapsulation>([
  { word: 'ah', registry: 'AH', netsh: 'AH', powershell: 'AH' },
  { word: 'esp', registry: 'ESP', netsh: 'ESP', powershell: 'ESP' },
  { word: 'ah+esp', registry: 'AH&ESP', netsh: 'AH+ESP', powershell: 'AH,ESP' },
  { word: 'none', registry: 'AUTH_NO_ENCAP', netsh: 'AuthNoEncap', powershell: 'None' },
])

/** Methods of the first authentication, and of the second. netsh names the signing of a certificate in the same word. */
export const authMethods = new WordTable<AuthMethod>([
  { word: 'anonymous', registry: 'Anonymous', netsh: 'Anonymous' },
  { word: 'computer-kerberos', registry: 'MachineKerb', netsh: 'ComputerKerb' },
  { word: 'computer-certificate', registry: 'MachineCert', netsh: 'ComputerCert' },
  { word: 'computer-preshared-key', registry: 'MachineSHKey', netsh: 'ComputerPSK' },
  { word: 'computer-ntlm', registry: 'MachineNtlm', netsh: 'ComputerNTLM' },
  { word: 'user-kerberos', registry: 'UserKerb', netsh: 'UserKerb' },
  { word: 'user-certificate', registry: 'UserCert', netsh: 'UserCert' },
  { word: 'user-ntlm', registry: 'UserNtlm', netsh: 'UserNTLM' },
])

export const auth1Methods: readonly AuthMethod[] = [
  'anonymous',
  'computer-kerberos',
  'computer-certificate',
  'computer-preshared-key',
  'computer-ntlm',
]

export const auth2Methods: readonly AuthMethod[] = [
  'anonymous',
  'computer-certificate',
  'user-kerberos',
  'user-certificate',
  'user-ntlm',
]

export const signings = new WordTable<CertificateSigning>([
  { word: 'rsa', netsh: '', powershell: 'RSA' },
  { word: 'ecdsa-256', registry: 'ECDSA256', netsh: 'ECDSAP256', powershell: 'ECDSA256' },
  { word: 'ecdsa-384', registry: 'ECDSA384', netsh: 'ECDSAP384', powershell: 'ECDSA384' },
])

export const networkProfiles = new WordTable<NetworkProfile>([
  { word: 'domain', registry: 'Domain', netsh: 'Domain', powershell: 'Domain', number: 1 },
  { word: 'private', registry: 'Private', netsh: 'Private', powershell: 'Private', number: 2 },
  { word: 'public', registry: 'Public', netsh: 'Public', powershell: 'Public', number: 4 },
])

export const interfaceTypes = new WordTable<InterfaceType>([
  { word: 'lan', registry: 'Lan', netsh: 'LAN', powershell: 'Wired', number: 1 },
  { word: 'wireless', registry: 'Wireless', netsh: 'Wireless', powershell: 'Wireless', number: 2 },
  { word: 'remote-access', registry: 'RemoteAccess', netsh: 'RAS', powershell: 'RemoteAccess', number: 4 },
])

export const keyModules = new WordTable<KeyModule>([
  { word: 'default', registry: 'KeyModDefault', powershell: 'Default', number: 0 },
  { word: 'ikev1', registry: 'IkeV1', powershell: 'IKEv1', number: 1 },
  { word: 'authip', registry: 'AuthIP', powershell: 'AuthIP', number: 2 },
  { word: 'ikev2', registry: 'IkeV2', powershell: 'IKEv2', number: 4 },
])

/** The registry's word and flag, and PowerShell's two words. */
export interface ActionRow {
  readonly action: RuleAction
  readonly registry: 'SecureServer' | 'Boundary' | 'Secure' | 'DoNotSecure'
  readonly clearOut: boolean
  readonly netsh?: string
  readonly inbound: 'None' | 'Request' | 'Require'
  readonly outbound: 'None' | 'Request' | 'Require'
}

export const actionRows: readonly ActionRow[] = [
  row('require-in-request-out', 'SecureServer', false, 'RequireInRequestOut', 'Require', 'Request'),
  row('request-in-request-out', 'Boundary', false, 'RequestInRequestOut', 'Request', 'Request'),
  row('require-in-require-out', 'Secure', false, 'RequireInRequireOut', 'Require', 'Require'),
  row('require-in-clear-out', 'Secure', true, 'RequireInClearOut', 'Require', 'None'),
  row('request-in-clear-out', 'Boundary', true, undefined, 'Request', 'None'),
  row('no-authentication', 'DoNotSecure', false, 'NoAuthentication', 'None', 'None'),
]

function row(
  action: RuleAction,
  registry: ActionRow['registry'],
  clearOut: boolean,
  netsh: string | undefined,
  inbound: ActionRow['inbound'],
  outbound: ActionRow['outbound'],
): ActionRow {
  return { action, registry, clearOut, ...(netsh === undefined ? {} : { netsh }), inbound, outbound }
}

export function actionRow(action: RuleAction): ActionRow {
  return actionRows.find(found => found.action === action)!
}

/** Bits of IPsecExempt ([MS-FASP] §2.2.39). */
export const exemptionBits: readonly { readonly bit: number; readonly netsh?: string; readonly powershell: string }[] =
  [
    { bit: 1, netsh: 'NeighborDiscovery', powershell: 'NeighborDiscovery' },
    { bit: 2, netsh: 'ICMP', powershell: 'Icmp' },
    { bit: 4, powershell: 'RouterDiscovery' },
    { bit: 8, netsh: 'DHCP', powershell: 'Dhcp' },
  ]
