package store

import "time"

// Config is the `database` section.
type Config struct {
	Driver      string `yaml:"driver" env:"DRIVER" doc:"postgres or sqlite"`
	Host        string `yaml:"host" env:"HOST" doc:"PostgreSQL host"`
	Port        int    `yaml:"port" env:"PORT" doc:"PostgreSQL port"`
	User        string `yaml:"user" env:"USER" doc:"database user"`
	Password    string `yaml:"password" env:"PASSWORD" secret:"true" doc:"database password"`
	DBName      string `yaml:"dbname" env:"DBNAME" doc:"database name"`
	SSLMode     string `yaml:"sslMode" env:"SSL_MODE" doc:"disable, allow, prefer, require, verify-ca or verify-full"`
	SSLRootCert string `yaml:"sslRootCert" env:"SSL_ROOT_CERT" file:"true" doc:"file (PEM) with the certificates of the CA that the server's must come from; empty: the system's"`
	SSLCert     string `yaml:"sslCert" env:"SSL_CERT" file:"true" doc:"file (PEM) with our certificate, for a server that asks for one; needs sslKey"`
	SSLKey      string `yaml:"sslKey" env:"SSL_KEY" file:"true" doc:"file (PEM) with its key, not encrypted"`
	PEM         PEM    `yaml:"-"` // the content of these files
	// MaxOpenConns counts the connections for work; LISTEN takes one more.
	MaxOpenConns    int           `yaml:"maxOpenConns" env:"MAX_OPEN_CONNS" doc:"most connections"`
	MaxIdleConns    int           `yaml:"maxIdleConns" env:"MAX_IDLE_CONNS" doc:"connections kept open while idle"`
	ConnMaxLifetime time.Duration `yaml:"connMaxLifetime" env:"CONN_MAX_LIFETIME" doc:"longest life of a connection"`
	Pooling         string        `yaml:"pooling" env:"POOLING" doc:"session, or transaction behind a pooler in transaction mode"`
	Path            string        `yaml:"path" env:"PATH" doc:"SQLite file"`
}

// PEM is the content of the files sslRootCert, sslCert and sslKey.
type PEM struct{ RootCert, Cert, Key []byte }

// WithCredentials returns c with the password and the certificates of another one.
func (c Config) WithCredentials(of Config) Config {
	c.Password, c.SSLRootCert, c.SSLCert, c.SSLKey, c.PEM = of.Password, of.SSLRootCert, of.SSLCert, of.SSLKey, of.PEM
	return c
}

// Drivers.
const (
	DriverPostgres = "postgres"
	DriverSQLite   = "sqlite"
)

// Values of Config.Pooling.
const (
	// PoolingSession: connections lead to PostgreSQL, or to a pooler in session mode.
	PoolingSession = "session"
	// PoolingTransaction: each transaction may run on another connection of the server, so
	// nothing may stay on one.
	PoolingTransaction = "transaction"
)

// DefaultConfig returns the documented defaults.
func DefaultConfig() Config {
	return Config{
		Driver: DriverPostgres, Host: "localhost", Port: 5432, User: "postgres",
		DBName: "sealos_notify", SSLMode: "disable",
		MaxOpenConns: 25, MaxIdleConns: 5, ConnMaxLifetime: 5 * time.Minute,
		Pooling: PoolingSession,
	}
}
