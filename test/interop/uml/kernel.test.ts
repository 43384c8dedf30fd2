// The Linux kernel's ESP and AH, in user-mode Linux, and our simulated host on two ends of an Ethernet: pings and datagrams
// of 20,000 octets both ways, nothing in clear. One boot for all. Each method in one form by default; in both modes, over
// both families, with extended sequence numbers and without where SEALWIRE_LONG_TESTS=1.
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as wait } from 'node:timers/promises'
import type { Encapsulation } from '../../../src/ipsec/association.ts'
import { compile } from '../../../src/policy/compile.ts'
import { offerNames } from '../../../src/policy/offers.ts'
import { readPolicyText } from '../../../src/policy/policy-text.ts'
import { addressOf } from '../../build-packets.ts'
import { bothEnds, suitesOf } from '../../ipsec-pair.ts'
import { GuestMachine, whyNoGuest } from './guest-machine.ts'
import { kernelHas, kernelLines } from './kernel-words.ts'
import { LabHost } from './lab-host.ts'
import { LabLink, ourStation } from './lab-link.ts'

const skip = whyNoGuest() || false
const isLong = process.env['SEALWIRE_LONG_TESTS'] === '1'
const ours = { 4: '10.54.9.1', 6: 'fd54:9::1' } as const
const guests = { 4: '10.54.9.2', 6: 'fd54:9::2' } as const
type Family = keyof typeof ours
const pingSizes = [0, 1, 2, 3, 11, 12, 13, 56, 1400]
const LARGE = 20_000

interface Combination {
  readonly security: string
  readonly family: Family
  readonly mode: 'transport' | 'tunnel'
  readonly extendedSequence?: boolean
  readonly encapsulation?: Encapsulation
  /** Of the packets inside the tunnel, where they are not of the outer family. */
  readonly inner?: Family
}

const inUdp = { sourcePort: 4500, destinationPort: 4500 }
const families: readonly Family[] = [4, 6]
const modes = ['transport', 'tunnel'] as const

const methods = [...offerNames, 'ah-sha256+esp-aes256-sha256', 'ah-sha1+esp-3des-sha1'].filter(name =>
  suitesOf(name).every(kernelHas),
)
const forms = families.flatMap(family =>
  modes.flatMap(mode => [false, true].map(extendedSequence => ({ family, mode, extendedSequence }))),
)
/** Each method once, the forms taking turns; or in every form. */
const plain = isLong
  ? methods.flatMap(security => forms.map((form): Combination => ({ security, ...form })))
  : methods.map((security, index): Combination => ({ security, ...forms[(3 * index) % forms.length]! }))

// Over IPv6 Linux 6.1 drops ESP in UDP of fewer than 40 octets without a word (it asks for room for the IP header where
// that is already behind), so nothing that seals small packets so tightly is taken here.
const wrapped = ['esp-aes256gcm16', 'esp-aes128-sha256', 'esp-3des-sha1'].flatMap(security =>
  families.flatMap(family => modes.map((mode): Combination => ({ security, family, mode, encapsulation: inUdp }))),
)
const mixed = ['esp-aes256gcm16', 'esp-aes128-sha256', 'ah-sha256'].flatMap(security =>
  families.map((family): Combination => ({ security, family, mode: 'tunnel', inner: family === 4 ? 6 : 4 })),
)

function nameOf({ security, family, mode, extendedSequence, encapsulation, inner }: Combination): string {
  return [
    `${security}, IPv${family}, ${mode}`,
    ...(extendedSequence === true ? ['extended sequence numbers'] : []),
    ...(encapsulation === undefined ? [] : ['in UDP']),
    ...(inner === undefined ? [] : [`IPv${inner} inside`]),
  ].join(', ')
}

const policyText = JSON.stringify({
  name: 'Everything between the two',
  rules: [
    {
      name: 'all',
      filters: [
        { source: ours[4], destination: guests[4] },
        { source: ours[6], destination: guests[6] },
      ],
      ...{ action: 'negotiate', security: ['esp-aes256gcm16'], authentication: ['kerberos'] },
    },
  ],
})

describe('the Linux kernel and our simulated host understand each other', { skip }, () => {
  let guest: GuestMachine
  let link: LabLink
  const lab = new LabHost(Object.values(ours))
  let seed = 0
  let done = 0

  before(async () => {
    guest = await GuestMachine.start()
    link = new LabLink(guest, lab.wire, Object.values(guests), Object.values(ours))
    const policy = readPolicyText(policyText, 'lab.json')
    assert.ok(policy.ok, JSON.stringify(policy))
    await lab.start(compile(policy.value.policy, { me: lab.host.addresses }))
    const told = async (lines: readonly string[]) => assert.equal(await guest.ask({ do: 'ip', lines }), '')
    await told([
      'link set vec0 up',
      `address add ${guests[4]}/24 dev vec0`,
      `address add ${guests[6]}/64 dev vec0 nodad`,
    ])
    // Who is where is asked once, in clear as it must be, and then known for good.
    await pingInClear()
    await told(Object.values(ours).map(to => `neighbour replace ${to} lladdr ${ourStation} dev vec0 nud permanent`))
    assert.equal(await guest.ask({ do: 'encapsulation', port: inUdp.sourcePort }), '')
    link.clear.length = 0
    lab.host.drops.clear()
  })

  after(async () => {
    link?.stop()
    await lab.host.stop()
    await guest?.stop()
  })

  /** In both families, when nothing is to be sealed: nobody answers, but it is seen. A link that is new loses some. */
  async function pingInClear(): Promise<void> {
    for (const to of Object.values(ours)) {
      const seen = link.clear.length
      for (let turns = 0; link.clear.length === seen && turns < 100; turns++) {
        assert.notEqual(await guest.ask({ do: 'ping', to, sizes: [8], patience: 0.1 }), '')
      }
      assert.ok(link.clear.length > seen, `nothing came from the guest for ${to}`)
    }
    await wait(200)
  }

  async function agree(combination: Combination): Promise<void> {
    const { security, family, mode, inner = family } = combination
    const [one, other] = [addressOf(ours[family]), addressOf(guests[family])]
    seed++
    const firstSpi = 0x1000 + 0x400 * seed
    const [here, there] = bothEnds({ ...combination, one, other, security, mode, seed, firstSpi })
    const [us, them] = [ours[inner], guests[inner]]
    await lab.host.install(here)
    const name = here.inbound.layers.at(-1)!.spi
    await lab.host.beginSending(name)
    const before = link.counts.fragments
    const refusedBefore = await guest.refusals()
    const steps = [
      () => guest.ask({ do: 'ip', lines: kernelLines(there, [them, us]) }),
      () => guest.ask({ do: 'ping', to: us, sizes: pingSizes }),
      () => guest.ask({ do: 'send', to: us, size: LARGE, seed }),
      () => lab.ping(us, them, 56),
      () => lab.sendDatagram(us, them, LARGE),
    ]
    let fault = ''
    for (const step of steps) fault ||= await step()
    const { inbound, outbound } = (await lab.host.counters()).get(name)!
    await lab.host.remove([name])
    // Whoever sends large packets into an IPv6 tunnel is told so once, and cuts them.
    if (mode === 'tunnel' && inner === 6) lab.host.drops.delete('too-big')
    const drops = Object.fromEntries(lab.host.drops)
    const refused = await guest.refusals()
    assert.equal(fault, '', JSON.stringify({ drops, refused, refusedBefore }))
    assert.deepEqual(link.clear, [], 'something stood on the wire in clear')
    assert.equal(lab.clear, 0, 'something reached our applications in clear')
    assert.deepEqual(drops, {}, 'our host dropped something')
    assert.deepEqual(refused, refusedBefore, "the kernel's IPsec refused something")
    assert.ok(inbound.packets >= pingSizes.length + 3 && outbound.packets >= pingSizes.length + 3)
    // Into an IPv6 tunnel the kernel puts fragments, each with a seal of its own.
    const cutOutside = mode === 'tunnel' && inner === 6 ? 2 : 4
    assert.ok(link.counts.fragments - before >= cutOutside * 13, 'the large datagrams went in fragments')
    done++
  }

  for (const combination of [...plain, ...wrapped, ...mixed]) {
    test(nameOf(combination), async () => {
      try {
        await agree(combination)
      } finally {
        lab.host.drops.clear()
        link.clear.length = 0
      }
    })
  }

  test('what the guest sends in clear is seen on the wire, and our policy lets it go no further', async () => {
    assert.equal(await guest.ask({ do: 'ip', lines: ['xfrm state flush', 'xfrm policy flush'] }), '')
    await pingInClear()
    assert.deepEqual(Object.fromEntries(lab.host.drops), { 'should-be-protected': link.clear.length })
    assert.equal(lab.clear, 0)
  })

  test('all of it was sealed', context => {
    const { sealed, fragments } = link.counts
    context.diagnostic(
      `Linux ${guest.release}: ${done} combinations, ${sealed} sealed packets, ${fragments} of them later fragments`,
    )
  })
})
