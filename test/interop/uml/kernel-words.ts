// Our associations in the words of `ip xfrm`: algorithms by the kernel's names, states of both directions, policies.
import { formatAddress } from '../../../src/base/address.ts'
import type { Suite, SuiteKeys } from '../../../src/crypto/suites.ts'
import type { AssociationPair, AssociationSpec } from '../../../src/ipsec/association.ts'
import { kernelCipherName, kernelMacName } from '../../../src/policy/kernel-names.ts'

/** Whether the kernel has the suite; of ours it lacks GMAC in AH. */
export function kernelHas(suite: Suite): boolean {
  return suite.integrity === undefined || kernelMacName(suite.integrity.name) !== undefined
}

function algorithms(suite: Suite, keys: SuiteKeys): string {
  const words: string[] = []
  if (suite.protocol === 'esp') {
    const { name, icvBytes } = suite.cipher
    const key = keys.cipher.reveal()
    const text = key.length === 0 ? '""' : `0x${key.toHex()}`
    if (suite.integrity === undefined) return `aead ${kernelCipherName(name)} ${text} ${icvBytes * 8}`
    words.push(`enc ${kernelCipherName(name)} ${text}`)
  }
  const { name, icvBytes } = suite.integrity!
  // The length is always said: the kernel's own for SHA-256 is that of a draft, 96 bits.
  words.push(`auth-trunc ${kernelMacName(name)} 0x${keys.integrity.reveal().toHex()} ${icvBytes * 8}`)
  return words.join(' ')
}

function ends(spec: AssociationSpec): string {
  return `src ${formatAddress(spec.source)} dst ${formatAddress(spec.destination)}`
}

function states(spec: AssociationSpec, isMixed: boolean): readonly string[] {
  const { encapsulation, extendedSequence, mode } = spec
  const original = spec.source.family === 4 ? '0.0.0.0' : '::'
  return spec.layers.map((layer, index) => {
    // Unless told otherwise, the kernel aligns AH to 8 octets over IPv4 too: more than RFC 4302 §3.3.3.2.1 allows.
    const isAh = layer.protocol === 'ah' && spec.source.family === 4
    const flags = [...(extendedSequence ? ['esn'] : []), ...(isAh ? ['align4'] : []), ...(isMixed ? ['af-unspec'] : [])]
    return [
      `xfrm state add ${ends(spec)} proto ${layer.protocol} spi 0x${layer.spi.toString(16)} reqid 1`,
      `mode ${index === 0 ? mode : 'transport'} replay-window 64`,
      ...(flags.length > 0 ? [`flag ${flags.join(' ')}`] : []),
      algorithms(layer.suite, layer.keys),
      ...(encapsulation === undefined
        ? []
        : [`encap espinudp ${encapsulation.sourcePort} ${encapsulation.destinationPort} ${original}`]),
    ].join(' ')
  })
}

/** Both ends of what goes through: the same as those of the association, or others inside a tunnel. */
export type Inside = readonly [source: string, destination: string]

function policy(spec: AssociationSpec, direction: 'in' | 'out', [source, destination]: Inside): string {
  const templates = spec.layers.map(
    ({ protocol }, index) =>
      `tmpl ${ends(spec)} proto ${protocol} reqid 1 mode ${index === 0 ? spec.mode : 'transport'}`,
  )
  return `xfrm policy add src ${source} dst ${destination} dir ${direction} priority 2 ${templates.join(' ')}`
}

/** The kernel asks the policy about the UDP packet before it looks what is inside. */
function letIn(spec: AssociationSpec): string {
  const { sourcePort, destinationPort } = spec.encapsulation!
  return `xfrm policy add ${ends(spec)} proto udp sport ${sourcePort} dport ${destinationPort} dir in priority 1 action allow`
}

/** What `ip -batch` is told so that the guest, whose pair this is, has this association and no other. */
export function kernelLines(pair: AssociationPair, inside: Inside): readonly string[] {
  const [own, other] = inside
  const isMixed = own.includes(':') !== (pair.inbound.source.family === 6)
  return [
    ...['xfrm state flush', 'xfrm policy flush'],
    ...[...states(pair.outbound, isMixed), ...states(pair.inbound, isMixed)],
    ...[policy(pair.outbound, 'out', [own, other]), policy(pair.inbound, 'in', [other, own])],
    ...(pair.inbound.encapsulation === undefined ? [] : [letIn(pair.inbound)]),
  ]
}
