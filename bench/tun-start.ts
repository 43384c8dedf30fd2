// What the TUN data plane costs before anything flows: the first packet between two agents, which waits for its keys, and the
// memory of a data plane with one association and with many.
import { Scene } from '../src/dataplane/contract-scene.ts'
import { tunHosts } from '../src/dataplane/tun/test-tun-hosts.ts'
import { pairName } from '../src/ipsec/association.ts'
import { bothEnds } from '../test/ipsec-pair.ts'
import { twoAgents } from '../test/live/two-agents.ts'
import { median, type Table } from './bench.ts'
import { collecting } from './tun-ways.ts'

const STARTS = 3
const MANY = 1000

/** Two agents that run and have no keys: how long the first echo takes, keys and all, and how long the next. */
export async function firstPacketTable(): Promise<Table> {
  const first: number[] = []
  const next: number[] = []
  const { context, clean } = collecting()
  try {
    const hosts = await twoAgents(context)
    for (let start = 0; start < STARTS; start++) {
      for (const host of hosts) await host.up('--data-plane', 'tun')
      const said = (await hosts[0].run(['ping', '-c', '5', '-i', '0.2', '-W', '10', hosts[1].address])).out
      const times = [...said.matchAll(/time=([\d.]+) ms/g)].map(([, time]) => Number(time))
      if (times.length < 5) throw new Error(`two agents do not reach each other: ${said}`)
      first.push(times[0]!)
      next.push(median(times.slice(1)))
      for (const host of hosts) await host.down()
    }
  } finally {
    await clean()
  }
  return {
    title: 'TUN data plane: the first packet',
    unit: 'ms',
    against: 'the next ones',
    rows: [
      {
        what: 'round trip of the first echo, which waits for IKEv2 with certificates',
        value: median(first).toFixed(1),
        ratio: (median(first) / median(next)).toFixed(0),
      },
      { what: 'round trip of the next ones', value: median(next).toFixed(2), ratio: '1' },
    ],
    remarks: [`Medians of ${STARTS} starts of two agents.`],
  }
}

/** Both hosts are of this process: what it holds more with many associations is twice what one host does. */
export async function associationsTable(): Promise<Table> {
  const hosts = await tunHosts({ family: 4, captureBytes: 0 })
  try {
    const scene = new Scene(hosts)
    await scene.start()
    await scene.enforce('negotiate')
    const { one, other } = hosts
    const install = async (number: number) => {
      const words = { rule: 'both', security: 'esp-aes128gcm16', firstSpi: 0x1000 * (number + 1), replayWindow: 64 }
      const [here, there] = bothEnds({ one: one.address, other: other.address, ...words })
      await one.plane.install(here)
      await other.plane.install(there)
      await other.plane.beginSending(pairName(there))
      await one.plane.beginSending(pairName(here))
    }
    await install(0)
    scene.say(one, 100)
    await hosts.settle()
    const few = process.memoryUsage.rss()
    for (let number = 1; number < MANY; number++) await install(number)
    scene.say(one, 100)
    await hosts.settle()
    const many = process.memoryUsage.rss()
    const megabytes = (octets: number) => `${(octets / 1e6).toFixed(0)} MB`
    return {
      title: 'TUN data plane: memory',
      unit: 'resident',
      against: 'one association',
      rows: [
        { what: 'two hosts, one association', value: megabytes(few), ratio: '1.00' },
        {
          what: `two hosts, ${MANY.toLocaleString('en')} associations`,
          value: megabytes(many),
          ratio: (many / few).toFixed(2),
        },
      ],
      remarks: [
        `One process with both hosts' threads, after the other benches above: ${((many - few) / MANY / 2000).toFixed(1)} kB more for each association and host, garbage that is not collected yet included.`,
      ],
    }
  } finally {
    await hosts.close()
  }
}
