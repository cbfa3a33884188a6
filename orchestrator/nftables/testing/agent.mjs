// Lives in a network namespace for a test: listens and asks there, as it is told in lines of JSON on standard
// input, and answers in lines on standard output. Ends when its input does.

import dgram from 'node:dgram'
import net from 'node:net'
import { createInterface } from 'node:readline'

const held = new Map()

/** Everybody who connects is told the name of this server and the address that they come from. */
function listenTcp({ host, port, name }) {
  return new Promise((resolve, reject) => {
    const server = net.createServer(socket => {
      socket.on('error', () => {})
      socket.setEncoding('utf8')
      // What is said on a connection comes back, so that one that stands can be tried.
      socket.on('data', text => socket.write(`${name} ${text}`))
      socket.write(`${name} ${socket.remoteAddress}`)
    })
    server.once('error', reject)
    server.listen({ host, port }, () => resolve('listening'))
  })
}

function listenUdp({ host, port, name }) {
  return new Promise((resolve, reject) => {
    const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4')
    socket.once('error', reject)
    socket.on('message', (_text, from) => {
      socket.send(`${name} ${from.address}`, from.port, from.address)
    })
    socket.bind(port, host, () => resolve('listening'))
  })
}

function connect({ host, port, localAddress, timeoutMs }) {
  return new Promise(resolve => {
    const socket = net.connect({ host, port, ...(localAddress ? { localAddress } : {}) })
    const timer = setTimeout(() => end({ error: 'timeout' }), timeoutMs)
    const end = result => {
      clearTimeout(timer)
      if (result.error) socket.destroy()
      resolve({ ...result, socket })
    }
    socket.setEncoding('utf8')
    socket.once('data', answer => end({ answer }))
    socket.once('error', ({ code }) => end({ error: code }))
    socket.once('close', () => end({ error: 'closed' }))
  })
}

async function askTcp(command) {
  const { socket, ...result } = await connect(command)
  socket.destroy()
  return result
}

async function hold(command) {
  const { socket, ...result } = await connect(command)
  held.set(command.id, socket)
  return result
}

function say({ on, text, timeoutMs }) {
  const socket = held.get(on)
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve({ error: 'timeout' }), timeoutMs)
    socket.once('data', answer => {
      clearTimeout(timer)
      resolve({ answer })
    })
    socket.write(text)
  })
}

function askUdp({ host, port, localPort, timeoutMs }) {
  return new Promise(resolve => {
    const socket = dgram.createSocket(host.includes(':') ? 'udp6' : 'udp4')
    const timer = setTimeout(() => end({ error: 'timeout' }), timeoutMs)
    const end = result => {
      clearTimeout(timer)
      socket.close(() => resolve(result))
    }
    socket.once('message', text => end({ answer: String(text) }))
    socket.once('error', ({ code }) => end({ error: code }))
    // Connected, so that a refusal that comes as ICMP is heard.
    socket.bind(localPort ?? 0, () => {
      socket.connect(port, host, error => {
        if (error) end({ error: error.code })
        else socket.send('?')
      })
    })
  })
}

const operations = { listenTcp, listenUdp, askTcp, hold, say, askUdp }

createInterface({ input: process.stdin })
  .on('line', async line => {
    const command = JSON.parse(line)
    const result = await operations[command.op](command).catch(error => ({ error: String(error) }))
    process.stdout.write(`${JSON.stringify({ id: command.id, result })}\n`)
  })
  .on('close', () => process.exit(0))
