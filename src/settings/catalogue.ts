// The settings of Windows that have to do with IPsec and that we know: where each lives, what its values mean, what counts
// without it, and whether sealwire acts on it. docs/settings.md is made from it, and `sealwire reg add` reads it for advice.
import { isSameName, pathNames } from './registry-name.ts'
import { numberOf, type RegistryValue } from './value.ts'
import { typeWord } from './value-words.ts'

export interface KnownSetting {
  /** As it has to be written. */
  readonly name: string
  readonly keys: readonly { readonly path: string; readonly who: string }[]
  readonly type: 'REG_DWORD' | 'REG_SZ'
  readonly what: string
  /** With their meanings; for a mask its bits. */
  readonly values: readonly { readonly value: number; readonly meaning: string }[]
  readonly isMask?: boolean
  /** What counts where it is not set. */
  readonly absent: string
  readonly source: string
  /** Whether sealwire does what it says. */
  readonly isInForce: boolean
}

const services = 'HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Services'
const firewallPolicy = 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\WindowsFirewall'
const old = 'Windows 2000, XP and Server 2003'
const late = 'Windows Vista and later'

export const noDefaultExempt: KnownSetting = {
  name: 'NoDefaultExempt',
  keys: [
    { path: `${services}\\IPSEC`, who: old },
    { path: `${services}\\PolicyAgent`, who: `${late}, whose profile here does not read it` },
  ],
  type: 'REG_DWORD',
  what: 'Which default exemptions are withdrawn, so that filters are asked about that traffic too. IKE stays exempt at any value.',
  values: [
    { value: 0, meaning: 'Kerberos, RSVP, multicast and broadcast are exempt' },
    { value: 1, meaning: 'multicast and broadcast are exempt; Kerberos and RSVP are filtered (KB 254728)' },
    { value: 2, meaning: 'Kerberos and RSVP are exempt; multicast and broadcast are filtered' },
    { value: 3, meaning: 'only IKE is exempt' },
  ],
  absent: '0 on Windows 2000 and XP, 3 on Server 2003',
  source: 'KB 254728, KB 811832, TechNet “Specifying Default Exemptions to IPSec Filtering”',
  isInForce: true,
}

export const ipsecExempt: KnownSetting = {
  name: 'IPsecExempt',
  keys: [{ path: firewallPolicy, who: late }],
  type: 'REG_DWORD',
  what: 'Which traffic is exempt from connection security rules.',
  values: [
    { value: 1, meaning: 'IPv6 neighbour discovery' },
    { value: 2, meaning: 'ICMP' },
    { value: 4, meaning: 'IPv6 router discovery' },
    { value: 8, meaning: 'DHCP' },
  ],
  isMask: true,
  absent: '9: neighbour discovery and DHCP',
  source: '[MS-GPFAS] §2.2.1.5',
  isInForce: true,
}

export const catalogue: readonly KnownSetting[] = [
  noDefaultExempt,
  ipsecExempt,
  {
    name: 'AssumeUDPEncapsulationContextOnSendRule',
    keys: [
      { path: `${services}\\IPSec`, who: 'Windows XP' },
      { path: `${services}\\PolicyAgent`, who: late },
    ],
    type: 'REG_DWORD',
    what: 'Whether associations are made with peers behind a NAT.',
    values: [
      { value: 0, meaning: 'not with servers behind a NAT' },
      { value: 1, meaning: 'with servers behind a NAT' },
      { value: 2, meaning: 'also where both ends are behind one' },
    ],
    absent: '0',
    source: 'KB 885407',
    isInForce: false,
  },
  {
    name: 'OperationMode',
    keys: [{ path: `${services}\\IPSEC`, who: 'Windows Server 2003' }],
    type: 'REG_DWORD',
    what: 'What the driver does between the start of the machine and the first policy. Here: sealwire boot.',
    values: [
      { value: 0, meaning: 'permit' },
      { value: 1, meaning: 'block' },
      { value: 3, meaning: 'stateful: what was asked for from here may come back' },
    ],
    absent: '3 once a policy was assigned',
    source: 'TechNet “Understanding IPSec Driver Startup Modes”; the numbers are not from a source that we could read',
    isInForce: false,
  },
  {
    name: 'IKEFlags',
    keys: [{ path: `${services}\\PolicyAgent\\Oakley`, who: 'Windows XP SP3 and Server 2003 SP2' }],
    type: 'REG_DWORD',
    what: 'The two bits of 0x14 together turn on Simple Policy Update: falling back to clear after half a second.',
    values: [
      { value: 4, meaning: 'a part of Simple Policy Update' },
      { value: 16, meaning: 'a part of Simple Policy Update' },
    ],
    isMask: true,
    absent: '0',
    source: 'KB 914841',
    isInForce: false,
  },
  {
    name: 'EnableLogging',
    keys: [{ path: `${services}\\PolicyAgent\\Oakley`, who: old }],
    type: 'REG_DWORD',
    what: 'Whether IKE writes Oakley.log; netsh calls it ikelogging. Here: up --verbose.',
    values: [
      { value: 0, meaning: 'no' },
      { value: 1, meaning: 'yes' },
    ],
    absent: '0',
    source: 'KB 257225',
    isInForce: false,
  },
  {
    name: 'EnableDiagnostics',
    keys: [{ path: `${services}\\IPSEC`, who: 'Windows Server 2003' }],
    type: 'REG_DWORD',
    what: 'What the driver writes into the event log of dropped packets, from 0 to 7; netsh calls it ipsecdiagnostics.',
    values: [],
    absent: '0',
    source: 'netsh ipsec; the name in the registry is not from a source that we could read',
    isInForce: false,
  },
  {
    name: 'LogInterval',
    keys: [{ path: `${services}\\IPSEC`, who: 'Windows Server 2003' }],
    type: 'REG_DWORD',
    what: 'Seconds between entries of the driver in the event log, from 60 to 86400; netsh calls it ipsecloginterval.',
    values: [],
    absent: '3600',
    source: 'netsh ipsec; the name in the registry is not from a source that we could read',
    isInForce: false,
  },
  {
    name: 'StrongCRLCheck',
    keys: [
      { path: firewallPolicy, who: late },
      { path: `${services}\\PolicyAgent\\Oakley`, who: old },
    ],
    type: 'REG_DWORD',
    what: 'Whether revocation lists are asked. Here: `revocation` of a certificate in the policy file.',
    values: [
      { value: 0, meaning: 'no' },
      { value: 1, meaning: 'a certificate that is known to be revoked is refused' },
      { value: 2, meaning: 'a certificate that cannot be checked is refused too' },
    ],
    absent: '0',
    source: '[MS-GPFAS] §2.2.1',
    isInForce: false,
  },
  {
    name: 'IPsecThroughNAT',
    keys: [{ path: firewallPolicy, who: late }],
    type: 'REG_DWORD',
    what: 'Whether associations are made through a NAT.',
    values: [
      { value: 0, meaning: 'never' },
      { value: 1, meaning: 'with a server behind a NAT' },
      { value: 2, meaning: 'also where both ends are behind one' },
    ],
    absent: '0',
    source: '[MS-GPFAS] §2.2.1',
    isInForce: false,
  },
  {
    name: 'SAIdlTime',
    keys: [{ path: firewallPolicy, who: late }],
    type: 'REG_DWORD',
    what: 'Seconds after which an association that carries nothing is removed. The name is spelt so.',
    values: [],
    absent: '300',
    source: '[MS-GPFAS] §2.2.1',
    isInForce: false,
  },
  {
    name: 'PresharedKeyEncoding',
    keys: [{ path: firewallPolicy, who: late }],
    type: 'REG_DWORD',
    what: 'How a pre-shared key becomes octets.',
    values: [{ value: 1, meaning: 'UTF-8' }],
    absent: '1',
    source: '[MS-GPFAS] §2.2.1',
    isInForce: false,
  },
  {
    name: 'ProhibitIpsec',
    keys: [{ path: `${services}\\RasMan\\Parameters`, who: old }],
    type: 'REG_DWORD',
    what: 'Whether L2TP brings an IPsec policy of its own along.',
    values: [
      { value: 0, meaning: 'it does' },
      { value: 1, meaning: 'it does not: the assigned policy has to' },
    ],
    absent: '0',
    source: 'KB 240262',
    isInForce: false,
  },
  {
    name: 'ActivePolicy',
    keys: [
      {
        path: 'HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\IPSec\\Policy\\Local',
        who: 'every Windows',
      },
    ],
    type: 'REG_SZ',
    what: 'The assigned policy: the path of its key, without the root.',
    values: [],
    absent: 'no policy is assigned',
    source: 'exports of Windows 2000 and 10',
    isInForce: false,
  },
]

/** The KB warns of it; our registry finds it all the same, as Windows's own does. */
export const KB_NAME_HINT = 'delete it and add it in that spelling: KB 254728 calls the name case sensitive'

/** What a person should know who writes this value to this key: a near miss of something known. In whole sentences. */
export function adviceOn(key: string, value: RegistryValue): readonly string[] {
  const known = catalogue.find(({ name }) => isSameName(name, value.name))
  if (known === undefined) return []
  const advice: string[] = []
  if (value.name !== known.name) {
    advice.push(
      `The name is written ${known.name}; Microsoft calls it case sensitive, though the registry finds any spelling.`,
    )
  }
  if (!known.keys.some(({ path }) => isSamePath(path, key))) {
    advice.push(
      `${known.name} is read at ${known.keys.map(({ path, who }) => `${path} (${who})`).join(' and ')}, not here.`,
    )
  }
  return [...advice, ...faultOf(known, value)]
}

function faultOf(known: KnownSetting, value: RegistryValue): readonly string[] {
  if (typeWord(value) !== known.type)
    return [`${known.name} is a ${known.type}, not a ${typeWord(value)}: it will not count.`]
  const number = numberOf(value)
  if (known.type !== 'REG_DWORD' || known.values.length === 0 || number === undefined) return []
  const all = known.values.reduce((sum, one) => sum | one.value, 0)
  const isFine = known.isMask === true ? (number & ~all) === 0 : known.values.some(one => one.value === number)
  const values = known.values.map(one => one.value).join(', ')
  return isFine
    ? []
    : [`${number} is no value of ${known.name}: ${known.isMask === true ? 'a sum' : 'one'} of ${values}.`]
}

function isSamePath(a: string, b: string): boolean {
  return isSameName(pathNames(a).join('\\'), pathNames(b).join('\\'))
}
