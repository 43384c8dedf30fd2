// A peer that speaks IKEv1 as Windows 2000 does, by a script, against our own endpoint, in memory; a place to begin for who tests
// another implementation with one:
//   node examples/windows-2000-peer.ts
import { rewritten, type ScriptedFault, ScriptedWire } from 'sealwire/keying/scripted-wire'
import { describeLifetimes, describePayloadV1, describeTransformV1 } from 'sealwire/wire/ike/v1-describe'
import { plainNotificationV1 } from 'sealwire/wire/ike/v1-notify'
import { type PayloadV1, payloadV1 } from 'sealwire/wire/ike/v1-payloads'
import { lifetimesOf } from 'sealwire/wire/ike/v1-security-association'
import { ikeAttributes } from 'sealwire/wire/ike/v1-transform-numbers'
import { vendorId, WINDOWS_2000, windowsVendorId } from 'sealwire/wire/ike/v1-vendor-ids'

/**
 * Both lists, and the lifetimes that Windows offers: main mode for 8 hours, quick mode for an hour or 100,000 kilobytes. It does
 * not ask whether a peer is there.
 */
const windows = `
ike: { security: [windows-2000], lifetime: { seconds: 28800 }, liveness: 0 }
rules:
  - name: all
    filters: [{ source: me, destination: any }]
    action: negotiate
    keying: [ikev1]
    security: [windows-2000]
    lifetime: { seconds: 3600, kilobytes: 100000 }
    authentication: [{ preSharedKey: "a secret of this example alone" }]
`
const ours = windows.replace('[windows-2000], lifetime: { seconds: 28800 }', '[3des-sha1-modp1024]')

/** Its transforms have no PRF attribute, and neither have ours; but it tells of itself in its own way. */
const vendors = [windowsVendorId(WINDOWS_2000), vendorId('fragmentation'), vendorId('natTraversalDraft')]
const asWindows = rewritten(payloads => {
  const told = [
    ...payloads.filter(({ kind }) => kind !== 'vendor-id'),
    ...vendors.map((id): PayloadV1 => payloadV1('vendor-id', { id })),
  ]
  for (const one of told) for (const line of linesOf(one)) console.log(`           ${line}`)
  return told
})

function linesOf(one: PayloadV1): readonly string[] {
  if (one.kind !== 'security-association') return [describePayloadV1(one)]
  const numbers = { type: ikeAttributes.of['life type'], duration: ikeAttributes.of['life duration'] }
  return one.proposals.flatMap(({ protocol, transforms }) =>
    transforms.map(transform => {
      const lifetime = describeLifetimes(lifetimesOf(transform.attributes, numbers) ?? {})
      return `offers ${describeTransformV1(protocol, transform)}, for ${lifetime}`
    }),
  )
}

const about = { protocol: 1, spi: new Uint8Array(0) }
const noProposal = rewritten(() => [plainNotificationV1('NO-PROPOSAL-CHOSEN', about)])

interface Script {
  readonly title: string
  readonly begins: 'ours' | 'windows'
  readonly faults: readonly ScriptedFault[]
}

const begins: ScriptedFault = { on: 'main mode message 1', kind: 'replace', by: asWindows, times: 9 }
const answers: ScriptedFault = { on: 'main mode message 2', kind: 'replace', by: asWindows, times: 9 }
const scripts: readonly Script[] = [
  { title: 'Windows 2000 begins', begins: 'windows', faults: [begins] },
  { title: 'Windows 2000 answers', begins: 'ours', faults: [answers] },
  {
    title: 'the proof of Windows 2000 is lost: it says it again',
    begins: 'windows',
    faults: [begins, { on: 'main mode message 5', kind: 'drop' }],
  },
  {
    title: 'the third message of quick mode is late',
    begins: 'windows',
    faults: [begins, { on: 'quick mode message 3', kind: 'delay', seconds: 2 }],
  },
  {
    title: 'its answer is always that it takes nothing',
    begins: 'ours',
    faults: [{ on: 'main mode message 2', kind: 'replace', by: noProposal, times: 99 }],
  },
]

for (const { title, begins: who, faults } of scripts) {
  console.log(`\n${title}`)
  const wire = new ScriptedWire({ faults, tell: console.log })
  const hosts = { ours: wire.host('ours', '10.54.0.1', ours), windows: wire.host('windows', '10.54.0.2', windows) }
  hosts[who].needsKeysTo(hosts[who === 'ours' ? 'windows' : 'ours'])
  wire.run(60)
  console.log(`     then  ours has ${hosts.ours.pairs.size} pair of associations, Windows ${hosts.windows.pairs.size}`)
}
