// Every capture of ../shared/testdata, whatever it holds, under several policies: no exception, and all sums agree.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { auditCapture, everything, policy, rule } from '../../test/audit-frames.ts'
import { listCaptures, readTestdata, testdataMissing } from '../../test/truth/compare-truth.ts'
import type { Policy } from '../policy/model.ts'
import type { CapturePointOption } from './capture-point.ts'

interface Way {
  readonly name: string
  readonly policy?: Policy
  readonly me?: readonly string[]
  readonly capturePoint?: CapturePointOption
}

const ways: readonly Way[] = [
  { name: 'no policy' },
  { name: 'everything is secured', policy: everything },
  { name: 'everything is secured, taken on the receiving host', policy: everything, capturePoint: 'receiver' },
  {
    name: 'everything through a tunnel',
    policy: policy([rule('any', 'any', { mode: 'tunnel' })]),
    capturePoint: 'receiver',
  },
  {
    name: 'Windows Server 2003 with rules of all kinds',
    policy: policy(
      [
        rule('me', 'any', { acceptUnsecuredInbound: true }),
        rule('10.0.0.0/8', 'any', { action: 'block' }),
        rule('any', 'any', { protocol: 6, port: 80, action: 'permit' }),
        rule('any', '2001:db8::/32', { fallBackToClear: true }),
      ],
      { profile: 'windows-server-2003', noDefaultExempt: 1 },
    ),
    me: ['192.168.1.1', '192.168.0.1'],
  },
]

function sum(sums: Readonly<Record<string, number>>): number {
  return Object.values(sums).reduce((all, one) => all + one, 0)
}

test('every capture is audited under every policy, and what is told of each packet adds up to the totals', {
  skip: testdataMissing === '' ? false : `skipped, because ${testdataMissing}`,
}, () => {
  for (const name of listCaptures()) {
    const capture = new Uint8Array(readTestdata(join('captures', name)))
    for (const way of ways) {
      const { report, verdicts, frames } = auditCapture(capture, way)
      const about = `${name}: ${way.name}`
      assert.equal(sum(report.totals), report.capture.packets, about)
      assert.equal(sum(report.classes), report.capture.packets, about)
      assert.equal(verdicts.length, report.capture.packets, about)
      assert.equal(
        report.conversations.reduce((all, { packets }) => all + packets, 0) < report.capture.packets,
        report.conversationsLeftOut > 0,
        about,
      )
      const counted: Record<string, number> = {}
      for (const verdict of verdicts) counted[verdict] = (counted[verdict] ?? 0) + 1
      for (const [verdict, packets] of Object.entries(report.totals)) {
        assert.equal(counted[verdict] ?? 0, packets, `${about}: ${verdict}`)
      }
      for (const told of frames) assert.ok(told.because.length > 0, about)
      if (way.capturePoint === undefined)
        assert.equal(report.totals['no-policy'] > 0 && way.policy !== undefined, false, about)
    }
  }
})
