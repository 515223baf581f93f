// The serial console: a terminal on a socket. Loaded by the console page only, after xterm.js and its fit add-on. It reads its parameters from
// the data attributes of #terminal and touches nothing but the elements of that page; what they say without it is in the page itself.
(() => {
  'use strict';

  const place = document.getElementById('terminal');
  const state = document.getElementById('console-state');
  const size = document.getElementById('console-size');
  const reconnect = document.getElementById('console-reconnect');
  const copy = document.getElementById('console-copy');
  if (!place || !window.Terminal || !window.FitAddon) return;

  const colour = (name) => getComputedStyle(place.parentElement).getPropertyValue(name).trim();
  const terminal = new window.Terminal({
    cursorBlink: !matchMedia('(prefers-reduced-motion: reduce)').matches,
    fontFamily: colour('--mono') || 'monospace',
    fontSize: 13,
    scrollback: 5000,
    // Puts the text into the document for screen readers, and for tests.
    screenReaderMode: true,
    theme: {
      background: colour('--negative'),
      foreground: colour('--negative-ink'),
      cursor: colour('--negative-ink'),
      cursorAccent: colour('--negative'),
    },
  });
  const fit = new window.FitAddon.FitAddon();
  terminal.loadAddon(fit);
  terminal.open(place);
  if (terminal.textarea) {
    terminal.textarea.setAttribute('aria-label', place.dataset.label);
    terminal.textarea.setAttribute('aria-describedby', 'console-help');
  }

  // A serial line knows no size, so the guest has to be told by hand.
  const refit = () => {
    fit.fit();
    size.textContent = `If lines break in odd places, type: stty cols ${terminal.cols} rows ${terminal.rows}`;
  };
  new ResizeObserver(refit).observe(place);
  refit();

  // ------------------------------------------------------------------------------------------------ the socket

  const encoder = new TextEncoder();
  let socket = null;
  // What was typed while the connection was being made.
  let waiting = [];
  // While the past of the line is shown again: what programs asked the terminal then needs no answer, which would only be typed at whatever
  // runs now.
  let replaying = false;
  const ANSWER = /^\x1b(?:\[[?>]?[\d;]*(?:[Rnc]|\$y)|[P\]])/;

  const say = (words) => {
    state.textContent = words;
  };

  // Why a socket closed, in words. The server's own reason comes first.
  const why = (event) => {
    if (event.reason) return `Closed: ${event.reason}`;
    if (event.code === 1000 || event.code === 1001) return 'Closed: the machine has stopped or darkroom is restarting.';
    return 'Closed: the connection broke.';
  };

  const connect = () => {
    const address = new URL(place.dataset.socket, location.href);
    address.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
    const mine = new WebSocket(address);
    mine.binaryType = 'arraybuffer';
    let began = false;
    socket = mine;
    reconnect.hidden = true;
    say('Connecting');
    mine.onopen = () => {
      say('Connected');
      terminal.reset();
      terminal.focus();
      waiting.splice(0).forEach((bytes) => mine.send(bytes));
    };
    mine.onmessage = (event) => {
      const bytes = new Uint8Array(event.data);
      if (began) {
        terminal.write(bytes);
        return;
      }
      // The server begins with the past of the line.
      began = true;
      replaying = true;
      terminal.write(bytes, () => {
        replaying = false;
      });
    };
    mine.onclose = (event) => {
      if (socket !== mine) return;
      socket = null;
      waiting = [];
      say(why(event));
      const had_focus = place.contains(document.activeElement);
      reconnect.hidden = false;
      if (had_focus) reconnect.focus();
    };
  };

  const send = (bytes) => {
    if (!socket) return;
    if (socket.readyState === WebSocket.OPEN) socket.send(bytes);
    else if (socket.readyState === WebSocket.CONNECTING) waiting.push(bytes);
  };
  terminal.onData((text) => {
    if (!replaying || !ANSWER.test(text)) send(encoder.encode(text));
  });
  terminal.onBinary((text) => send(Uint8Array.from(text, (letter) => letter.charCodeAt(0))));

  // ------------------------------------------------------------------------------------- buttons and keyboard

  reconnect.addEventListener('click', connect);

  const everything = () => {
    const buffer = terminal.buffer.active;
    const lines = [];
    for (let row = 0; row < buffer.length; row += 1) {
      const line = buffer.getLine(row);
      if (!line) continue;
      const text = line.translateToString(true);
      if (line.isWrapped && lines.length > 0) lines[lines.length - 1] += text;
      else lines.push(text);
    }
    return lines.join('\n').trimEnd();
  };

  // Outside a secure context there is no clipboard; the text can still be selected.
  if (window.isSecureContext && navigator.clipboard) {
    copy.hidden = false;
    copy.addEventListener('click', async () => {
      try {
        await navigator.clipboard.writeText(terminal.getSelection() || everything());
        say(socket ? 'Connected, copied' : 'Copied');
      } catch {
        say('The browser did not allow copying. Select the text instead.');
      }
    });
  }

  // The terminal takes every key, Tab too. This one leads out again, so that it is no trap.
  terminal.attachCustomKeyEventHandler((event) => {
    const leaves = event.ctrlKey && event.shiftKey && !event.altKey && event.code === 'KeyL';
    if (!leaves) return true;
    if (event.type === 'keydown') {
      event.preventDefault();
      const exits = [reconnect, copy].filter((button) => !button.hidden);
      const exit = exits[0] || place.parentElement.querySelector('a[href]');
      exit.focus();
    }
    return false;
  });

  // This page has a content policy of its own, so every link leaves it by a full load: the router lets such links alone.
  document.addEventListener('click', (event) => {
    const link = event.target instanceof Element ? event.target.closest('a[href]') : null;
    if (link) link.rel = 'external';
  }, { capture: true });

  connect();
})();
