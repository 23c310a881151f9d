package smtp

import (
	"io"
	"net"
	"sync"
)

// door is a listener that turns clients away when the server has no place.
type door struct {
	net.Listener
	server *Server
}

// Accept implements net.Listener.
func (d *door) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if d.server.enter() {
			return &visit{TCPConn: conn.(*net.TCPConn), leave: sync.OnceFunc(d.server.leave)}, nil
		}
		go func() {
			_, _ = io.WriteString(conn, "421 4.3.2 Too many concurrent SMTP connections; please try again later.\r\n")
			_ = conn.Close()
		}()
	}
}

// enter reports whether there is a place, and takes it.
func (s *Server) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.limits.Places > 0 && s.open >= s.limits.Places {
		s.turned++
		return false
	}
	s.open++
	s.most = max(s.most, s.open)
	return true
}

func (s *Server) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
}

// takeMail reports whether the quota allows another mail, and counts it.
func (s *Server) takeMail() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch s.limits.Quota {
	case 0:
		return true
	case 1:
		s.limits.Quota = -1 // spent
		return true
	case -1:
		return false
	}
	s.limits.Quota--
	return true
}

// visit is a connection that has a place until the server closes it.
type visit struct {
	*net.TCPConn
	leave func()
}

// Close implements net.Conn.
func (v *visit) Close() error {
	v.leave()
	return v.TCPConn.Close()
}
