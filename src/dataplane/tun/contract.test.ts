// The TUN back end keeps the contract, with real packets between network namespaces: over IPv4 and IPv6, the whole way and
// with its short cuts, by raw sockets and by frames.
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { whyNoHosts } from '../../native/test-namespaces.ts'
import { dataPlaneContract } from '../contract.ts'
import { tunHosts } from './test-tun-hosts.ts'

const skip = whyNoHosts() || (spawnSync('nft', ['-v']).error === undefined ? false : 'because nft is not installed')

if (skip !== false) test('the TUN back end keeps the contract', { skip }, () => {})
else {
  dataPlaneContract('TUN, IPv4', () => tunHosts({ family: 4 }))
  dataPlaneContract('TUN, IPv6', () => tunHosts({ family: 6 }))
  dataPlaneContract('TUN by frames, IPv4', () => tunHosts({ family: 4, change: { byFrames: true } }))
  // What frames do with IPv6 has a test of its own (frames.test.ts); the whole contract takes half a minute more.
  if (process.env['SEALWIRE_LONG_TESTS'] === '1')
    dataPlaneContract('TUN by frames, IPv6', () => tunHosts({ family: 6, change: { byFrames: true } }))
}
