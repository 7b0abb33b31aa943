// Puts the functions of intake.wasm behind messages, and a file behind its `read`: README.md documents both.

const CALLS = ['look', 'waveform', 'samples', 'chunk']
const reader = new FileReaderSync()
let file

/** Copies bytes of the file into the module's memory; -1 when they cannot be had. */
function read(offset, to, length) {
  try {
    const bytes = new Uint8Array(reader.readAsArrayBuffer(file.slice(offset, offset + length)))
    new Uint8Array(wasm.memory.buffer, to, length).set(bytes)
    return bytes.length
  } catch {
    return -1
  }
}

let wasm
const ready = WebAssembly.instantiateStreaming(fetch('./intake.wasm'), { env: { read } }).then(({ instance }) => {
  wasm = instance.exports
})

onmessage = async ({ data }) => {
  try {
    await ready
    if (data.file) file = data.file
    if (!CALLS.includes(data.call)) throw new TypeError(`there is no call ${data.call}`)
    const status = wasm[data.call](file.size)
    const result = wasm.memory.buffer.slice(wasm.result(), wasm.result() + wasm.result_bytes())
    postMessage({ status, result }, [result])
  } catch (error) {
    // A trap, or no memory: this instance is of no more use, and the page lets it go.
    const result = new TextEncoder().encode(`The file could not be looked at (${error.message}).`).buffer
    postMessage({ status: 0, result }, [result])
  }
}
