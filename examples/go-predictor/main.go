// A predictor for Prunecast in a process of its own: the mean of the nearest pairs, weighted by the inverse of distance.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"encoding/hex"
	"fmt"
	"io"
	"log"
	"math"
	"net"
	"os"
	"sort"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	pb "example.com/nearest/gen/prunecast/plugin/v1"
)

const id = "nearest"

// The schema of its options: the server checks them and fills in the default.
var optionsSchema = map[string]any{
	"type": "object",
	"properties": map[string]any{
		"neighbours": map[string]any{
			"type": "integer", "minimum": 1, "maximum": 50, "default": 5, "description": "How many pairs are looked at.",
		},
	},
}

type plugin struct {
	pb.UnimplementedPluginServiceServer
}

func (plugin) GetInfo(context.Context, *pb.GetInfoRequest) (*pb.GetInfoResponse, error) {
	schema, err := structpb.NewStruct(optionsSchema)
	if err != nil {
		return nil, err
	}
	return &pb.GetInfoResponse{ProtocolVersion: 1, Plugins: []*pb.PluginInfo{{
		Id:            id,
		Version:       "1",
		Summary:       "The mean of the nearest pairs, weighted by the inverse of their distance.",
		OptionsSchema: schema,
		Kind:          &pb.PluginInfo_Predictor{Predictor: &pb.PredictorInfo{LeastPairs: 2}},
	}}}, nil
}

// What is fitted: the pairs themselves.
type fitted struct {
	Neighbours int
	Dimensions int
	Rates      []float32 // [pairs, dimensions]
	Targets    []float64
}

type predictor struct {
	pb.UnimplementedPredictorServiceServer
	states sync.Map // by the SHA-256 (hex) of their bytes
}

func (p *predictor) Fit(stream pb.PredictorService_FitServer) error {
	model := fitted{}
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if start := request.GetStart(); start != nil {
			model.Neighbours = int(start.Options.GetFields()["neighbours"].GetNumberValue())
			model.Dimensions = len(start.Dimensions)
		}
		if pairs := request.GetPairs(); pairs != nil {
			model.Rates = append(model.Rates, readNumbers[float32](pairs.Encodings.Rates)...)
			model.Targets = append(model.Targets, readNumbers[float64](pairs.Targets)...)
		}
	}
	var state bytes.Buffer
	if err := gob.NewEncoder(&state).Encode(model); err != nil {
		return err
	}
	p.states.Store(digest(state.Bytes()), &model)
	for state.Len() > 0 {
		if err := stream.Send(&pb.FitResponse{State: state.Next(1 << 20)}); err != nil {
			return err
		}
	}
	return nil
}

func (p *predictor) LoadState(stream pb.PredictorService_LoadStateServer) error {
	var state bytes.Buffer
	for {
		request, err := stream.Recv()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		state.Write(request.GetState())
	}
	name, model := digest(state.Bytes()), fitted{}
	if err := gob.NewDecoder(&state).Decode(&model); err != nil {
		return status.Errorf(codes.DataLoss, "the state is none of this predictor: %v", err)
	}
	p.states.Store(name, &model)
	return stream.SendAndClose(&pb.LoadStateResponse{})
}

func (p *predictor) Predict(_ context.Context, request *pb.PredictRequest) (*pb.PredictResponse, error) {
	model, ok := p.states.Load(request.StateId)
	if !ok {
		return nil, status.Error(codes.NotFound, "this state is not loaded")
	}
	rates, dimensions := readNumbers[float32](request.Encodings.Rates), int(request.Encodings.Dimensions)
	var means []float64
	for row := 0; row+dimensions <= len(rates); row += dimensions {
		means = append(means, model.(*fitted).predict(rates[row:row+dimensions]))
	}
	answer, err := binary.Append(nil, binary.LittleEndian, means)
	return &pb.PredictResponse{Means: answer}, err
}

func (m *fitted) predict(asked []float32) float64 {
	type neighbour struct{ distance, target float64 }
	near := make([]neighbour, len(m.Targets))
	for pair, target := range m.Targets {
		var sum float64
		for column, rate := range asked {
			difference := float64(rate - m.Rates[pair*m.Dimensions+column])
			sum += difference * difference
		}
		near[pair] = neighbour{math.Sqrt(sum), target}
	}
	sort.SliceStable(near, func(a, b int) bool { return near[a].distance < near[b].distance })
	var total, weights float64
	for _, pair := range near[:min(m.Neighbours, len(near))] {
		weight := 1 / (pair.distance + 1e-3)
		total, weights = total+weight*pair.target, weights+weight
	}
	return total / weights
}

// Numbers from little-endian bytes.
func readNumbers[Number float32 | float64](data []byte) []Number {
	var one Number
	numbers := make([]Number, len(data)/binary.Size(one))
	if _, err := binary.Decode(data, binary.LittleEndian, numbers); err != nil {
		panic(err) // never: the length fits
	}
	return numbers
}

func digest(state []byte) string {
	sum := sha256.Sum256(state)
	return hex.EncodeToString(sum[:])
}

func main() {
	address := os.Getenv("PRUNECAST_PLUGIN_ADDRESS")
	path := strings.TrimPrefix(address, "unix:")
	os.Remove(path) // what a killed process left
	listener, err := net.Listen("unix", path)
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer()
	pb.RegisterPluginServiceServer(server, plugin{})
	pb.RegisterPredictorServiceServer(server, &predictor{})
	grpc_health_v1.RegisterHealthServer(server, health.NewServer())
	go func() { // the server that launched this process holds its standard input open
		io.Copy(io.Discard, os.Stdin)
		server.Stop()
	}()
	fmt.Printf("prunecast-plugin/1 %s\n", address)
	if err := server.Serve(listener); err != nil {
		log.Fatal(err)
	}
}
