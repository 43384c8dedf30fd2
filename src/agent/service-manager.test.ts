// What systemd hears, at a socket of our own.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { listenForDatagrams } from '../native/test-unix-datagram.ts'
import { serviceManager } from './service-manager.ts'

const skip = process.platform === 'linux' ? false : 'skipped, because this needs Linux'

/** A socket as systemd has one; answers what came since. */
function listening(name: string) {
  const socket = listenForDatagrams(name)
  return {
    take: () => {
      const datagram = socket.take()
      return datagram && new TextDecoder().decode(datagram)
    },
    close: socket.close,
  }
}

test('a service is ready, alive and stopping in systemd’s words, at a path and in abstract space', {
  skip,
}, context => {
  const folder = mkdtempSync(join(tmpdir(), 'sealwire-notify-'))
  context.after(() => rmSync(folder, { recursive: true }))
  for (const name of [join(folder, 'notify'), `@sealwire-test-${process.pid}`]) {
    const socket = listening(name)
    const manager = serviceManager({ NOTIFY_SOCKET: name, WATCHDOG_USEC: '30000000' }, failed =>
      assert.fail(String(failed)),
    )
    manager.ready('The policy is enforced.')
    assert.match(socket.take()!, /^READY=1\nSTATUS=The policy is enforced\.\nMAINPID=\d+$/)
    manager.alive()
    assert.equal(socket.take(), 'WATCHDOG=1')
    manager.stopping()
    assert.equal(socket.take(), 'STOPPING=1')
    serviceManager({ NOTIFY_SOCKET: name }, failed => assert.fail(String(failed))).alive()
    assert.equal(socket.take(), undefined, 'no watchdog was asked for')
    socket.close()
  }
})

test('without systemd nothing is said, and a manager that went away is no fault of the agent', { skip }, () => {
  serviceManager({}, failed => assert.fail(String(failed))).ready('')
  const failed: unknown[] = []
  serviceManager({ NOTIFY_SOCKET: '/nowhere/at/all' }, error => failed.push(error)).ready('')
  assert.match(String(failed[0]), /service manager.*ENOENT/)
})
