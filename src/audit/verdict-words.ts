// Verdicts and services in the words of a person, the same in the terminal and on the page.
import type { FlowReport } from './report.ts'
import type { Verdict } from './verdict.ts'

export const meanings: Readonly<Record<Verdict, string>> = {
  protected: 'sealed with ESP or AH',
  keying: 'IKE agreeing on keys',
  exempt: 'in clear: a default exemption lets it pass',
  permitted: 'in clear: the policy permits it',
  leaked: 'in clear, although the policy secures it',
  blocked: 'on the wire, although the policy blocks it',
  'not-ip': 'no IP packet',
  malformed: 'headers that cannot be read',
  'no-policy': 'in clear, and no policy was given',
}

/** What domain controllers talk about, by the port of the service. */
const services: ReadonlyMap<number, string> = new Map([
  [22, 'ssh'],
  [53, 'dns'],
  [80, 'http'],
  [88, 'kerberos'],
  [123, 'ntp'],
  [135, 'rpc'],
  [137, 'netbios names'],
  [138, 'netbios datagrams'],
  [139, 'netbios sessions'],
  [389, 'ldap'],
  [443, 'https'],
  [445, 'smb'],
  [464, 'kerberos password'],
  [500, 'ike'],
  [636, 'ldaps'],
  [3268, 'global catalog'],
  [3389, 'remote desktop'],
])

/** `tcp 445 smb`: the protocol, and the lower port with what usually listens there. */
export function serviceName({ protocolName, sourcePort, destinationPort }: FlowReport): string {
  if (sourcePort === null || destinationPort === null) return protocolName
  const port = Math.min(sourcePort, destinationPort)
  return `${protocolName} ${port} ${services.get(port) ?? ''}`.trimEnd()
}
